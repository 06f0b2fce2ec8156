import { setTimeout as delay } from 'node:timers/promises'
import { flooded, quiet } from './environments.ts'
import type { RunningGateway } from './gateways.ts'
import { environmentField } from './programs/routes.ts'

const calmMs = 25
const deadlineMs = 5000

/**
 * Resolves when a gateway and what is behind it have done with what was left over from before: to true when they answer at
 * once again, and to false when they have not for 5 s.
 */
export async function isCalm({ port: gatewayPort, routes }: RunningGateway): Promise<boolean> {
  const deadline = performance.now() + deadlineMs
  const places = [
    [gatewayPort, quiet],
    [gatewayPort, flooded],
    ...[...routes].map(([name, port]) => [port, name] as const),
  ] as const
  for (let calmTimes = 0; calmTimes < 2;) {
    const tookMs = await Promise.all(places.map(([port, name]) => answerMs(port, name, deadline)))
    calmTimes = Math.max(...tookMs) <= calmMs ? calmTimes + 1 : 0
    if (performance.now() > deadline) return false
    await delay(20)
  }
  return true
}

async function answerMs(port: number, name: string, deadline: number): Promise<number> {
  const began = performance.now()
  try {
    const response = await fetch(`http://127.0.0.1:${port}/`, {
      headers: { [environmentField]: name },
      signal: AbortSignal.timeout(Math.max(1, Math.ceil(deadline - began))),
    })
    await response.text()
    return response.ok ? performance.now() - began : Infinity
  } catch {
    return Infinity
  }
}

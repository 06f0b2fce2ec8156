import { Agent, request } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import { startGateway, type Target } from '../gateways/index.ts'
import type { Bench } from './bench.ts'
import { each, type Footprint, footprint } from './footprint.ts'

const environmentCount = 1000

/** What an environment costs that runs, and was asked once. */
export interface IdleEnvironment {
  readonly what: string
  readonly footprint: Footprint
}

/** Right after it was asked, while its connections are kept, and once they are dropped. */
export async function idleEnvironments(
  { cores, signal, idleSeconds, progress }: Bench,
  upstream: Target,
): Promise<readonly IdleEnvironment[]> {
  progress(`${environmentCount} environments`)
  await using gateway = await startGateway('alcove', { upstream, core: cores.gateways })
  // A few before, so that what a process needs once is not counted.
  await askEach(gateway.port, 'first', environmentCount / 40, signal)
  const before = await footprint(gateway)
  await askEach(gateway.port, 'then', environmentCount, signal)
  const asked = await footprint(gateway)
  await delay(idleSeconds * 1000, undefined, { signal })
  const idle = await footprint(gateway)
  return [
    { what: 'an environment, just asked', footprint: each(before, asked, environmentCount) },
    {
      what: `an environment, idle for ${idleSeconds} s`,
      footprint: each(before, idle, environmentCount),
    },
  ]
}

/** One request to each, all over one connection. */
async function askEach(
  port: number,
  prefix: string,
  count: number,
  signal: AbortSignal,
): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  try {
    for (let number = 0; number < count; number += 1) {
      signal.throwIfAborted()
      const status = await ask(agent, port, `${prefix}-${number}`)
      if (status !== 200) throw new Error(`An environment answered ${status}`)
    }
  } finally {
    agent.destroy()
  }
}

function ask(agent: Agent, port: number, id: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const headers = { 'x-env-id': id }
    const asked = request({ host: '127.0.0.1', port, agent, headers }, (response) => {
      response.resume().once('end', () => resolve(response.statusCode))
    })
    asked.once('error', reject)
    asked.end()
  })
}

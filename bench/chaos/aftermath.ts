import { globSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { leftFiles } from '../../test/leftovers/leftovers.ts'
import type { GatewayProcess } from './gateway-process.ts'
import { instancesOf, processesOf, statOf } from './processes.ts'

/** How long what has ended may take to be gone. */
const goneMs = 30_000
const exitMs = 10_000

/** What is looked through after a run. */
export interface Scene {
  readonly gateway: GatewayProcess
  readonly mark: string
  readonly ids: readonly string[]
  /** The gateway's folder for temporary files. */
  readonly temporary: string
}

/** Waits until nothing is in use, and nothing left of instances that have ended. @returns what is after too long */
export async function settle(scene: Scene): Promise<readonly string[]> {
  const settled = await scene.gateway.order({ do: 'settle' })
  const inUse = settled?.is === 'settled' ? settled.inUse : ['the gateway has ended']
  const untilMs = performance.now() + goneMs
  for (;;) {
    const left = leftOfEarlier(scene)
    if (left.length === 0 || performance.now() > untilMs) {
      return [...inUse.map((what) => `In use though nobody asks any more: ${what}`), ...left]
    }
    await delay(20)
  }
}

/** An environment has one instance at the most by now, and an instance one folder. */
function leftOfEarlier({ mark, ids, temporary }: Scene): readonly string[] {
  const running = ids.map((id) => ({ id, count: instancesOf(mark, id).size }))
  const sum = running.reduce((all, { count }) => all + count, 0)
  const folders = globSync(join(temporary, 'alcove-*/*/*/')).length
  return [
    ...running
      .filter(({ count }) => count > 1)
      .map(({ id, count }) => `There are processes of ${count} instances of ${id}`),
    ...(folders > sum ? [`There are ${folders} folders of ${sum} instances`] : []),
  ]
}

/** Closes the gateway, whose process has to end by itself. @returns what is left, and how long it took */
export async function close(
  scene: Scene,
): Promise<{ readonly left: readonly string[]; readonly ms: number }> {
  const { gateway, mark, temporary } = scene
  const startTimes = startTimesOf(gateway)
  const closed = await gateway.order({ do: 'close' })
  const left = closed?.is === 'closed' ? closed.left : []
  return {
    ms: closed?.is === 'closed' ? closed.ms : Number.NaN,
    left: [
      ...left.map((what) => `Left after close(): ${what}`),
      ...(await exitOf(gateway)),
      ...processesOf(mark).map(({ pid, command }) => `Left running: process ${pid} (${command})`),
      ...startTimes.flatMap(([pid, startTime]) => {
        const stat = statOf(pid)
        return stat?.startTime === startTime ? [`Left: process ${pid} (${stat.state})`] : []
      }),
      ...leftFiles(temporary).map((file) => `Left: temporary file ${file}`),
    ],
  }
}

/** Of what runs, or has ended and was not waited for. */
function startTimesOf(gateway: GatewayProcess): [number, string][] {
  return gateway.spawned.flatMap((pid) => {
    const stat = statOf(pid)
    return stat?.parent === gateway.pid ? [[pid, stat.startTime] as [number, string]] : []
  })
}

async function exitOf(gateway: GatewayProcess): Promise<readonly string[]> {
  const inTime = new AbortController()
  const end = await Promise.race([
    gateway.end,
    delay(exitMs, undefined, { signal: inTime.signal }).catch(() => undefined),
  ])
  inTime.abort()
  if (!end) return [`The gateway's process did not end by itself within ${exitMs} ms`]
  if (end.code === 0) return []
  return [`The gateway's process ended with ${end.signal ?? `code ${end.code}`}: ${gateway.output}`]
}

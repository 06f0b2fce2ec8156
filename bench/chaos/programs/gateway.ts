// gateway.ts <setup>
//
// A gateway over real processes, which tells what goes on in it, and in the end what it has left.
import { readdirSync, readlinkSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { childrenOf } from '../processes.ts'
import { TimerWatch, grown, listeners, resources } from '../../../test/fuzz/gateway/traces.ts'
import type { GatewaySetup, Message, Order, Reply } from '../gateway-orders.ts'
import { drainMs, limits } from '../limits.ts'

const setup = JSON.parse(process.argv[2] ?? '') as GatewaySetup
const { createGateway, headerRouter, processSpawner } = (await import(
  setup.core
)) as typeof import('@alcove/core')

const settleMs = 20_000
const leaveMs = 8_000
const timersMs = 1_000
const environmentProgram = join(import.meta.dirname, 'environment.ts')
const shapes = ['', 'helper', 'parent'] as const

const timers = new TimerWatch(new URL('.', setup.core).pathname)
let versions = 0

const gateway = createGateway({
  ...limits,
  router: headerRouter({ name: 'x-environment' }),
  spawner: processSpawner(),
  specFor: ({ id }) => specOf(id, 0),
  // Fewer than there are, so that some have to make room.
  maxEnvironments: Math.max(2, setup.environments.length - 1),
  maxConcurrentStarts: 2,
  maxConsecutiveFailures: Number.POSITIVE_INFINITY,
})
const { manager } = gateway
manager.on('problem', ({ code, reason }) => tell({ problem: `${code}: ${reason}` }))
manager.on('progress', ({ text }) => {
  const [, pid] = /^process (\d+) was started$/.exec(text) ?? []
  if (pid !== undefined) tell({ spawned: Number(pid) })
})
manager.on('transition', ({ from, to }) => {
  tell({ transition: `${from} to ${to}` })
})
process.on('warning', ({ name, message }) => {
  if (name !== 'ExperimentalWarning') tell({ warning: `${name}: ${message}` })
})

const server = createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
  void gateway(request, response)
})
gateway.attach(server)
process.on('message', ({ to, order }: { readonly to: number; readonly order: Order }) => {
  void carryOut(order).then((reply) => {
    tell({ to, reply })
    // From here on nothing is to keep this process.
    if (reply.is === 'closed') process.disconnect()
  })
})
// Never outlives the run, which may itself be ended.
process.once('disconnect', () => {
  if (!closed) process.exit(3)
})
let closed = false
await warmUp()
const before = {
  resources: resources(),
  files: openFiles(),
  timers: timers.left,
  listeners: listeners(process),
}
server.listen({ port: 0, host: '127.0.0.1', backlog: 1024 }, () => {
  tell({ port: (server.address() as AddressInfo).port })
})

/** What a process opens once, for the first that it starts. */
async function warmUp(): Promise<void> {
  await manager.create('warm-up', specOf('warm-up', 0))
  await manager.stop('warm-up', { drainMs: 0 })
}

function specOf(
  id: string,
  version: number,
): { run: { command: string[]; env: Record<string, string> } } {
  const number = setup.environments.indexOf(id) + 1
  const shape = shapes[number % shapes.length] ?? ''
  const seed = String(setup.seed + number)
  return {
    run: {
      command: [process.execPath, environmentProgram, id, seed, shape],
      env: { CHAOS: `${setup.mark}/${id}/`, VERSION: String(version) },
    },
  }
}

async function carryOut(order: Order): Promise<Reply> {
  const beganMs = performance.now()
  const ms = (): number => performance.now() - beganMs
  switch (order.do) {
    case 'settle':
      return { is: 'settled', inUse: await untilNone(inUse, settleMs) }
    case 'close':
      return { is: 'closed', left: await close(), ms: ms() }
    default:
      try {
        await change(order.do, order.id)
        return { is: 'done', ms: ms() }
      } catch (error) {
        const { code = 'none', reason = String(error) } = error as {
          readonly code?: string
          readonly reason?: string
        }
        return { is: 'failed', code, reason, ms: ms() }
      }
  }
}

async function change(what: 'stop' | 'restart' | 'recreate' | 'purge', id: string): Promise<void> {
  switch (what) {
    case 'stop':
      return manager.stop(id, { drainMs })
    case 'restart':
      await manager.restart(id, { drainMs })
      return
    case 'recreate':
      versions += 1
      await manager.create(id, specOf(id, versions))
      return
    case 'purge':
      return manager.purge(id)
  }
}

/** All that somebody uses, or waits for. */
function inUse(): string[] {
  const { environments, held, heldBytes } = gateway.load()
  const counts: [string, number][] = [
    ['requests held', held],
    ['bytes of them', heldBytes],
  ]
  for (const { id, inFlight, streams, queued, waiting } of environments) {
    counts.push([`${id}: in flight`, inFlight], [`${id}: streams`, streams])
    counts.push([`${id}: queued`, queued], [`${id}: waiting`, waiting])
  }
  for (const { id } of manager.list()) {
    for (const [kind, count] of Object.entries(manager.explain(id).leases)) {
      counts.push([`${id}: leases of kind ${kind}`, count])
    }
  }
  return counts.filter(([, count]) => count !== 0).map(([what, count]) => `${what}: ${count}`)
}

async function close(): Promise<readonly string[]> {
  const isListening = new Promise((resolve) => server.close(resolve))
  await gateway.close({ drainMs })
  await isListening
  // One that is not cancelled is over some time too.
  const ticking = await untilNone(() => grown('Timers', before.timers, timers.left), timersMs)
  const left = await untilNone(
    () => [
      ...grown('Resources', before.resources, resources()),
      ...grown('Open files', before.files, openFiles()),
      ...grown('Listeners of the process', before.listeners, listeners(process)),
      ...childrenOf(process.pid).map((child) => `A child: ${child}`),
      ...inUse(),
    ],
    leaveMs,
  )
  timers[Symbol.dispose]()
  closed = true
  return [...ticking, ...left]
}

/** Waits until there is nothing. @returns what there is after too long */
async function untilNone(what: () => readonly string[], ms: number): Promise<readonly string[]> {
  const deadlineMs = performance.now() + ms
  for (;;) {
    const now = what()
    if (now.length === 0 || performance.now() > deadlineMs) return now
    await delay(20)
  }
}

/** By what they are: sockets, pipes, the kernel's own. */
function openFiles(): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const name of readdirSync('/proc/self/fd')) {
    try {
      const kind = readlinkSync(`/proc/self/fd/${name}`).replace(/:\[\d+\]$/, '')
      counts[kind] = (counts[kind] ?? 0) + 1
    } catch {
      // The one that the folder was read by.
    }
  }
  return counts
}

function tell(message: Message): void {
  if (process.connected) process.send?.(message)
}

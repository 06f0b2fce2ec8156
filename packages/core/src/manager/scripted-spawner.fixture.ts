import { EventEmitter } from 'node:events'
import type { Json } from '../environment/spec.js'
import type { ExitInfo, SpawnContext, Spawner, Status } from '../spawning/spawner.js'

type ScriptedHandle = { readonly id: string; readonly generation: number }

interface Running {
  readonly context: SpawnContext
  readonly tellers: Set<(now: Status) => void>
  status: Status
}

/** A spawner whose instances are entries in a map, and do what the test says. */
export interface ScriptedSpawner extends Spawner<Json, ScriptedHandle> {
  /** `id#generation` of each start and stop, in order. */
  readonly started: readonly string[]
  readonly stopped: readonly string[]
  /** What runs now. */
  readonly running: ReadonlyMap<string, Running>
  /** Tells `started` with the id when a start was called. */
  readonly events: EventEmitter
  /** From now on starts wait for the returned function to be called. */
  holdStarts(): () => void
  /** From now on stops wait for the returned function to be called. */
  holdStops(): () => void
  /** From now on starts fail with this; `undefined`: no more. */
  failStarts(error: Error | undefined): void
  /** From now on instances end before they listen. */
  crashAtStart(exit: ExitInfo | undefined): void
  /** Ends a running instance by itself. */
  crash(id: string, exit?: ExitInfo): void
  tell(id: string, now: Status): void
  /** `id#generation` of each that was frozen and let go on, in order. */
  readonly suspended: readonly string[]
  readonly resumed: readonly string[]
  /** From now on, freezing waits for the returned function to be called. */
  holdSuspends(): () => void
  /** From now on, freezing and letting go on fail with this; `undefined`: no more. */
  failSuspends(error: Error | undefined): void
  failResumes(error: Error | undefined): void
}

/** What calls wait for, once it is held. */
class Gate {
  open = Promise.resolve()

  /** Returns what opens it. */
  hold(): () => void {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.open = promise
    return resolve
  }
}

export function scriptedSpawner(name = 'scripted', { canSuspend = true } = {}): ScriptedSpawner {
  const suspended: string[] = []
  const resumed: string[] = []
  const suspends = new Gate()
  let suspendError: Error | undefined
  let resumeError: Error | undefined
  const running = new Map<string, Running>()
  const started: string[] = []
  const stopped: string[] = []
  const events = new EventEmitter()
  const starts = new Gate()
  const stops = new Gate()
  let startError: Error | undefined
  let exitAtStart: ExitInfo | undefined
  let port = 1_000
  const key = (handle: ScriptedHandle): string => `${handle.id}#${handle.generation}`
  const find = (id: string): [string, Running] => {
    for (const entry of running) if (entry[1].context.id === id) return entry
    throw new Error(`${id} does not run`)
  }
  const tell = (id: string, now: Status): void => {
    const [at, instance] = find(id)
    instance.status = now
    if (now.is === 'gone') running.delete(at)
    for (const teller of instance.tellers) teller(now)
  }
  const become = (handle: ScriptedHandle, is: 'running' | 'suspended'): void => {
    const instance = running.get(key(handle))
    if (!instance || !('endpoint' in instance.status)) return
    tell(handle.id, { is, endpoint: instance.status.endpoint })
  }
  return {
    name,
    reach: 'network',
    started,
    stopped,
    running,
    events,
    tell,
    crash: (id, exit = { reason: 'exited', exitCode: 1 }) => tell(id, { is: 'gone', exit }),
    holdStarts: () => starts.hold(),
    holdStops: () => stops.hold(),
    failStarts(error) {
      startError = error
    },
    crashAtStart(exit) {
      exitAtStart = exit
    },
    suspended,
    resumed,
    holdSuspends: () => suspends.hold(),
    failSuspends(error) {
      suspendError = error
    },
    failResumes(error) {
      resumeError = error
    },
    async suspend(handle) {
      await suspends.open
      if (suspendError) throw suspendError
      suspended.push(key(handle))
      become(handle, 'suspended')
    },
    async resume(handle) {
      if (resumeError) throw resumeError
      resumed.push(key(handle))
      become(handle, 'running')
    },
    capabilities: async () => ({
      suspend: canSuspend,
      survivesHost: false,
      limits: new Set(),
      egress: 'open',
      missing: [],
    }),
    check() {},
    async start(_run, context) {
      const handle = { id: context.id, generation: context.generation }
      started.push(key(handle))
      events.emit('started', context.id)
      await starts.open
      context.signal.throwIfAborted()
      if (startError) throw startError
      port += 1
      running.set(key(handle), {
        context,
        tellers: new Set(),
        status: exitAtStart
          ? { is: 'gone', exit: exitAtStart }
          : { is: 'running', endpoint: { kind: 'tcp', host: '127.0.0.1', port } },
      })
      return handle
    },
    async observe(handle, to, signal) {
      const instance = running.get(key(handle))
      if (!instance) return { is: 'gone', exit: { reason: 'lost' } }
      to.log('hello from the script')
      instance.tellers.add(to.status)
      signal.addEventListener('abort', () => instance.tellers.delete(to.status))
      return instance.status
    },
    async stop(handle) {
      await stops.open
      if (running.delete(key(handle))) stopped.push(key(handle))
    },
    async *recover() {},
    close: async () => {},
  }
}

/** Ready as soon as asked. */
export const alwaysReady = { ready: async () => {} }

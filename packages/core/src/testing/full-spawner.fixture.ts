import type { RequestListener } from 'node:http'
import { connect } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Endpoint } from '../environment/endpoint.js'
import type { Json } from '../environment/spec.js'
import type { RecoveredInstance, Sink, Spawner, Status } from '../spawning/spawner.js'

export type Does = 'serve' | 'print' | 'crash' | 'fail' | 'hang'

/** An instance that outlives spawners, since this stands for an engine's. */
interface Engined {
  readonly gateway: string
  readonly record: RecoveredInstance
  readonly log: Log
  readonly observers: Set<(now: Status) => void>
  suspended: boolean
  gone: boolean
  endpoint: Endpoint | undefined
}

interface Log {
  push(line: string): string
  tail(n: number): readonly string[]
  lines(): AsyncIterable<string>
}

/** What a program of the engine may do. */
export interface Program {
  readonly run: Json
  log(line: string): void
  exit(code: number): void
}

export class Engine {
  readonly instances = new Map<string, Engined>()
  /** Its endpoints are those of the programs, and not dialled. */
  plain = false
  /** Resolves when a program hangs. */
  readonly hanging: Promise<void>
  /** Resolves when an instance is observed: only then do programs print. */
  readonly observed: Promise<void>
  readonly programs: Spawner
  observe: () => void = () => {}
  #hang: () => void = () => {}

  constructor(
    programs: (app: (program: Program) => Promise<RequestListener>) => Spawner,
    readonly newLog: () => Log,
  ) {
    this.hanging = new Promise((resolve) => {
      this.#hang = resolve
    })
    this.observed = new Promise((resolve) => {
      this.observe = resolve
    })
    this.programs = programs(async ({ run, log, exit }) => {
      const does = run as Does
      if (does === 'fail') throw new Error('no such application')
      if (does === 'hang') {
        this.#hang()
        await new Promise(() => {})
      }
      if (does === 'print') void this.observed.then(() => log('hello'))
      if (does === 'crash') {
        void this.observed.then(() => {
          log('out of luck')
          exit(7)
        })
      }
      return (_request, response) => response.end('hello')
    })
  }
}

/** A spawner with all the members that there are, for the suite to be tested on. */
export function fullSpawner(engine: Engine): Spawner {
  const { programs } = engine
  const watches = new AbortController()
  const at = (handle: Json): Engined | undefined => engine.instances.get(JSON.stringify(handle))
  const seen = (instance: Engined | undefined, now: Status): Status => {
    if (now.is !== 'running') return now
    if (instance) instance.endpoint = now.endpoint
    const endpoint: Endpoint = engine.plain ? now.endpoint : { kind: 'dial' }
    return { is: instance?.suspended ? 'suspended' : 'running', endpoint }
  }
  const suspend = (handle: Json, suspended: boolean): void => {
    const instance = at(handle)
    if (!instance) return
    instance.suspended = suspended
    const now = { is: suspended ? 'suspended' : 'running', endpoint: { kind: 'dial' } } as const
    for (const tell of instance.observers) tell(now)
  }
  return {
    name: 'full',
    reach: 'process',
    async capabilities(signal) {
      return { ...(await programs.capabilities(signal)), suspend: true, survivesHost: true }
    },
    check: (run, capabilities) => programs.check(run, capabilities),
    async start(run, context) {
      const log = engine.newLog()
      const handle = await programs.start(run, {
        ...context,
        log: (line) => context.log(log.push(line)),
      })
      const { id, generation, owner, specHash, gateway } = context
      engine.instances.set(JSON.stringify(handle), {
        gateway,
        record: { id, generation, owner, specHash, createdAtMs: Date.now(), handle },
        log,
        observers: new Set(),
        suspended: false,
        gone: false,
        endpoint: undefined,
      })
      return handle
    },
    async observe(handle, to, signal) {
      const instance = at(handle)
      const tell = (now: Status): void => {
        if (now.is === 'gone' && instance) instance.gone = true
        to.status(now)
      }
      const both = AbortSignal.any([signal, watches.signal])
      both.addEventListener('abort', () => instance?.observers.delete(tell))
      instance?.observers.add(tell)
      const sink: Sink & { status(now: Status): void } = {
        log: (line) => to.log(instance?.log.push(line) ?? line),
        progress: () => {},
        status: (now) => tell(seen(instance, now)),
      }
      const now = await programs.observe(handle, sink, both)
      setImmediate(() => engine.observe())
      if (now.is === 'gone' && instance) instance.gone = true
      return seen(instance, now)
    },
    async stop(handle, how) {
      await programs.stop(handle, how)
      const instance = at(handle)
      if (instance) instance.gone = true
    },
    async *recover(gateway) {
      for (const instance of engine.instances.values()) {
        if (!instance.gone && instance.gateway === gateway) yield instance.record
      }
    },
    async purge() {},
    async suspend(handle) {
      suspend(handle, true)
    },
    async resume(handle) {
      suspend(handle, false)
    },
    async dial(handle, signal): Promise<Duplex> {
      signal.throwIfAborted()
      const endpoint = at(handle)?.endpoint
      const socket = connect({ path: endpoint?.kind === 'unix' ? endpoint.path : '/nowhere' })
      return new Promise((resolve, reject) => {
        socket.once('error', reject)
        socket.once('connect', () => resolve(socket))
      })
    },
    async *logs(handle, { tailLines, follow, signal }) {
      const log = at(handle)?.log
      if (!follow) yield* log?.tail(tailLines) ?? []
      if (!log || !follow) return
      const reader = log.lines()[Symbol.asyncIterator]()
      signal.addEventListener('abort', () => void reader.return?.())
      yield* { [Symbol.asyncIterator]: () => reader }
    },
    async usage(handles) {
      return handles.map((handle) => {
        const instance = at(handle)
        return instance && !instance.gone ? { cpuMs: 1, memoryBytes: 1 } : undefined
      })
    },
    async close() {
      watches.abort()
    },
  }
}

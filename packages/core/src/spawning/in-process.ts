import { randomUUID } from 'node:crypto'
import { type Clock, systemClock } from '../clock.js'
import type { Json } from '../environment/spec.js'
import { AlcoveError, InvalidOptionError, quote, SpawnFailedError } from '../errors.js'
import { anyValue, checkOptions, func, oneOf, show, text } from '../option-check.js'
import { type InProcessContext, InProcessInstance } from './in-process-instance.js'
import type { InProcessApp } from './in-process-server.js'
import type { Spawner } from './spawner.js'

/** Options of {@link inProcessSpawner}. */
export interface InProcessSpawnerOptions<Run extends Json = Json> {
  /** Makes the application of one instance: its listener, or a server that does not listen yet. */
  readonly app: (context: InProcessContext<Run>) => InProcessApp | Promise<InProcessApp>
  /** A Unix socket in a folder of its own, or a free port on 127.0.0.1. @default 'socket' */
  readonly listen?: 'socket' | 'port'
  /** Tells two of them apart in one manager. @default 'in-process' */
  readonly name?: string
  /** Where `graceMs` is measured. @default systemClock */
  readonly clock?: Clock
}

type InProcessHandle = {
  readonly version: 1
  readonly id: string
  readonly generation: number
  /** Of one instance in one process: a later process knows none of them. */
  readonly key: string
}

/** How many instances are remembered after their end, for observers that come later. */
const maxEnded = 1_000

/**
 * Makes a spawner that runs applications within this process, for tests: no isolation, and no time to start.
 *
 * A `run` is any JSON value, passed to `app`. An exception that the application does not catch is this process' own.
 *
 * @throws InvalidOptionError for an option that makes no sense.
 * @example
 * ```ts
 * const spawner = inProcessSpawner({
 *   app: ({ id }) => express().get('/', (_request, response) => void response.send(`hello from ${id}`)),
 * })
 * ```
 */
export function inProcessSpawner<Run extends Json = Json>(
  options: InProcessSpawnerOptions<Run>,
): Spawner<Run, InProcessHandle> {
  checkOptions('inProcessSpawner()', options, {
    app: func,
    listen: oneOf('socket', 'port'),
    name: text,
    clock: anyValue,
  })
  const { app, listen = 'socket', name = 'in-process', clock = systemClock } = options
  if (!app) {
    throw new InvalidOptionError(
      'inProcessSpawner() needs an `app`: a function that returns a request listener',
    )
  }
  const instances = new Map<string, InProcessInstance>()
  const ended: string[] = []
  const keepBriefly = (key: string): void => {
    ended.push(key)
    if (ended.length > maxEnded) instances.delete(ended.shift() ?? '')
  }

  return {
    name,
    // Not `process`: every program of this host's user can connect to a socket or a port on loopback.
    reach: 'host',
    async capabilities() {
      return {
        suspend: false,
        survivesHost: false,
        limits: new Set(),
        egress: 'open',
        missing: [],
      }
    },
    check: (run) => checkJson(run, []),
    async start(run, context) {
      const { id, generation, owner, signal } = context
      checkJson(run, [])
      signal.throwIfAborted()
      const key = randomUUID()
      const instance = new InProcessInstance(clock, context)
      try {
        await instance.start(
          async (own) => app({ id, generation, owner, run, ...own }),
          listen,
          signal,
        )
      } catch (error) {
        await instance.end({ reason: 'exited', exitCode: 1 })
        if (signal.aborted || error instanceof AlcoveError) throw error
        const why = quote(error instanceof Error ? error.message : error).slice(1, -1)
        throw new SpawnFailedError(
          `The application of environment "${id}" could not start: ${why}`,
          {
            id,
            cause: error,
          },
        )
      }
      instances.set(key, instance)
      void instance.gone.then(() => keepBriefly(key))
      return { version: 1, id, generation, key }
    },
    async observe({ key }, to, signal) {
      signal.throwIfAborted()
      const instance = instances.get(key)
      if (instance) return instance.observe(to, signal)
      const message = 'the process that it ran in has ended'
      return { is: 'gone', exit: { reason: 'lost', message } }
    },
    async stop({ key }, { graceMs, signal }) {
      await instances.get(key)?.stop(graceMs, signal)
    },
    // What ran in a former process ended with it.
    async *recover() {},
    async close() {
      for (const instance of instances.values()) instance.unobserve()
    },
  }
}

/** @throws {@link InvalidOptionError} on what JSON can't carry, so that an instance elsewhere would not be given the same. */
function checkJson(value: unknown, path: readonly string[]): void {
  const refuse = (what: string): never => {
    const at = path.length === 0 ? '' : ` at ${quote(path.join('.'))}`
    throw new InvalidOptionError(
      `Expected the in-process spawner's \`run\` to be JSON, got ${what}${at}`,
    )
  }
  if (path.length > 100)
    refuse('something that is nested deeper than 100 levels, or contains itself,')
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return
  if (typeof value === 'number') return Number.isFinite(value) ? undefined : refuse(`\`${value}\``)
  if (typeof value !== 'object') return refuse(show(value))
  if (Array.isArray(value)) {
    value.forEach((item, index) => checkJson(item, [...path, String(index)]))
    return
  }
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) refuse('an object of a class')
  for (const [name, member] of Object.entries(value)) {
    if (member !== undefined) checkJson(member, [...path, name])
  }
}

import type { Duplex } from 'node:stream'
import type { Clock } from '../clock.js'
import type { Json } from '../environment/spec.js'
import {
  AlcoveError,
  SpawnerUnavailableError,
  SpawnFailedError,
  StartTimeoutError,
  UnsupportedError,
} from '../errors.js'
import type {
  Capabilities,
  RecoveredInstance,
  Sink,
  SpawnContext,
  Spawner,
  Status,
} from './spawner.js'

/** How long a spawner may take to end an instance after its grace, before the end counts as failed. */
const stopMarginMs = 30_000
/** How long an aborted start may take to clean up before its caller is told without waiting for it. */
const abortMarginMs = 5_000
/** How long it may take to freeze or thaw an instance. */
const suspendMarginMs = 10_000

/** Wraps a spawner once with all that no driver holds itself: abort, timeout, once-only, errors by their name. */
export class GuardedSpawner {
  readonly name: string
  readonly reach: Spawner['reach']
  readonly #spawner: Spawner
  readonly #clock: Clock
  readonly #stops = new Map<string, Promise<void>>()
  /** Starts that were given up and have not answered yet. */
  readonly #abandoned = new Set<Promise<unknown>>()
  #capabilities: Promise<Capabilities> | undefined

  constructor(spawner: Spawner, clock: Clock) {
    this.name = spawner.name
    this.reach = spawner.reach
    this.#spawner = spawner
    this.#clock = clock
  }

  /** Measured once; a failure is tried again by the next caller. */
  capabilities(): Promise<Capabilities> {
    if (!this.#capabilities) {
      const measured = this.#bounded(
        (signal) => this.#spawner.capabilities(signal),
        stopMarginMs,
        (ms) => this.#unavailable(`did not tell what it can do within ${ms} ms`),
      )
      measured.catch(() => {
        this.#capabilities = undefined
      })
      this.#capabilities = measured
    }
    return this.#capabilities
  }

  /** @throws what the spawner throws, an {@link UnsupportedError} for anything that is no error of Alcove. */
  async check(run: Json, id: string): Promise<void> {
    const capabilities = await this.capabilities()
    try {
      this.#spawner.check(run, capabilities)
    } catch (error) {
      if (error instanceof AlcoveError) throw error
      throw new UnsupportedError(
        `The spawner "${this.name}" refused the spec of environment "${id}": ${messageOf(error)}`,
        { id, cause: error },
      )
    }
  }

  /** @throws {@link StartTimeoutError}, the signal's reason, or {@link SpawnFailedError}. */
  async start(run: Json, context: SpawnContext, timeoutMs: number): Promise<Json> {
    const { id } = context
    try {
      return await this.#bounded(
        (signal) => this.#spawner.start(run, { ...context, signal }),
        timeoutMs,
        (ms) =>
          new StartTimeoutError(
            `Environment "${id}" was not started by the spawner "${this.name}" within ${ms} ms; raise \`startTimeoutMs\` if it needs longer`,
            { id },
          ),
        context.signal,
        (handle) => this.stop(handle, 0),
      )
    } catch (error) {
      if (error instanceof AlcoveError || context.signal.aborted) throw error
      throw new SpawnFailedError(
        `Environment "${id}" could not be started by the spawner "${this.name}": ${messageOf(error)}`,
        { id, cause: error },
      )
    }
  }

  /** After `gone`, or once `signal` is aborted, nothing more is told. */
  async observe(
    handle: Json,
    to: Sink & { status(now: Status): void },
    signal: AbortSignal,
  ): Promise<void> {
    if (signal.aborted) return
    let over = false
    const tell = (now: Status): void => {
      if (over || signal.aborted) return
      over = now.is === 'gone'
      to.status(now)
    }
    try {
      tell(
        await this.#bounded(
          () =>
            this.#spawner.observe(
              handle,
              { log: to.log.bind(to), progress: to.progress.bind(to), status: tell },
              signal,
            ),
          stopMarginMs,
          (ms) => this.#unavailable(`did not tell how an instance is within ${ms} ms`),
          signal,
        ),
      )
    } catch (error) {
      if (error instanceof AlcoveError) throw error
      throw this.#unavailable(`can't tell how an instance is: ${messageOf(error)}`, error)
    }
  }

  /** One stop of a handle at a time; joining callers share its outcome. */
  stop(handle: Json, graceMs: number): Promise<void> {
    const key = JSON.stringify(handle)
    let stop = this.#stops.get(key)
    if (!stop) {
      stop = this.#bounded(
        (signal) => this.#spawner.stop(handle, { graceMs, signal }),
        graceMs + stopMarginMs,
        (ms) => this.#unavailable(`did not stop an instance within ${ms} ms`),
      ).finally(() => this.#stops.delete(key))
      this.#stops.set(key, stop)
    }
    return stop
  }

  /** Freezes an instance; rejects where that failed: some of it may be frozen. */
  async suspend(handle: Json): Promise<void> {
    await this.#freeze('suspend', async (signal) => this.#spawner.suspend?.(handle, signal))
  }

  /** Lets an instance go on, all of it; idempotent. */
  async resume(handle: Json): Promise<void> {
    await this.#freeze('resume', async (signal) => this.#spawner.resume?.(handle, signal))
  }

  async #freeze(what: string, work: (signal: AbortSignal) => Promise<void>): Promise<void> {
    try {
      await this.#bounded(work, suspendMarginMs, (ms) =>
        this.#unavailable(`did not ${what} an instance within ${ms} ms`),
      )
    } catch (error) {
      if (error instanceof AlcoveError) throw error
      throw this.#unavailable(`can't ${what} an instance: ${messageOf(error)}`, error)
    }
  }

  recover(gateway: string, signal: AbortSignal): AsyncIterable<RecoveredInstance> {
    return this.#spawner.recover(gateway, signal)
  }

  async purge(id: string, signal: AbortSignal): Promise<void> {
    await this.#spawner.purge?.(id, signal)
  }

  dial(handle: Json, signal: AbortSignal): Promise<Duplex> {
    if (this.#spawner.dial) return this.#spawner.dial(handle, signal)
    return Promise.reject(
      this.#unavailable('announced an endpoint to dial, and has no `dial` of its own'),
    )
  }

  /** Waits for starts that were given up, so that nothing of them is left. */
  async close(): Promise<void> {
    await this.#atMost(
      Promise.allSettled(this.#abandoned).then(() => {}),
      abortMarginMs,
    )
    await this.#spawner.close()
  }

  #unavailable(what: string, cause?: unknown): SpawnerUnavailableError {
    return new SpawnerUnavailableError(`The spawner "${this.name}" ${what}`, { cause })
  }

  /**
   * Runs `work` with a signal that aborts at the timeout and with `outer`. Work that ignores the abort is waited for
   * briefly; what it still brings is handed to `discard`.
   */
  async #bounded<T>(
    work: (signal: AbortSignal) => Promise<T>,
    timeoutMs: number,
    timedOut: (ms: number) => Error,
    outer?: AbortSignal,
    discard?: (late: T) => Promise<void>,
  ): Promise<T> {
    outer?.throwIfAborted()
    const controller = new AbortController()
    const { signal } = controller
    const abort = (): void => controller.abort(outer?.reason)
    outer?.addEventListener('abort', abort, { once: true })
    const timer = this.#clock.setTimer(timeoutMs, () => controller.abort(timedOut(timeoutMs)))
    try {
      const running = work(signal)
      const settled = await Promise.race([settle(running), aborted(signal)])
      if (settled) return unwrap(settled, signal)
      const cleanUp = running.then((late) => discard?.(late)).catch(() => {})
      this.#abandoned.add(cleanUp)
      void cleanUp.then(() => this.#abandoned.delete(cleanUp))
      await this.#atMost(cleanUp, abortMarginMs)
      throw signal.reason
    } finally {
      timer.cancel()
      outer?.removeEventListener('abort', abort)
    }
  }

  async #atMost(work: Promise<void>, ms: number): Promise<void> {
    let timer: { cancel(): void } | undefined
    const late = new Promise<void>((resolve) => {
      timer = this.#clock.setTimer(ms, resolve)
    })
    await Promise.race([work, late])
    timer?.cancel()
  }
}

type Settled<T> = { readonly value: T } | { readonly error: unknown }

function settle<T>(promise: Promise<T>): Promise<Settled<T>> {
  return promise.then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  )
}

function unwrap<T>(settled: Settled<T>, signal: AbortSignal): T {
  if ('value' in settled) return settled.value
  // A driver that rejects because it was aborted may do so with an error of its own: the reason says more.
  throw signal.aborted ? signal.reason : settled.error
}

function aborted(signal: AbortSignal): Promise<undefined> {
  return new Promise((resolve) => {
    signal.addEventListener('abort', () => resolve(undefined), { once: true })
  })
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

import type { Clock } from '../clock.js'
import { sameEndpoint } from '../environment/endpoint.js'
import type { Json } from '../environment/spec.js'
import { serves } from '../environment/state.js'
import type { TlsFor } from '../environment/upstream-tls.js'
import type { InstanceGoneError } from '../errors.js'
import { PortTakenError, ReadyTimeoutError, StoppedError } from '../errors.js'
import { dialEndpoint } from '../readiness/dial.js'
import type { ReadinessCause } from '../readiness/probe.js'
import { waitUntilReady } from '../readiness/wait-until-ready.js'
import type { ExitInfo, Status } from '../spawning/spawner.js'
import type { Instance } from './instance.js'
import { describeExit, Observation } from './observation.js'

/** How often a start is made again because its port went to somebody else in between. */
const portAttempts = 3

/** Who is told what happens to an instance that was ready. */
export interface SupervisorListener {
  log(instance: Instance, text: string): void
  progress(instance: Instance, step: { readonly phase: string; readonly text: string }): void
  /** It ended by itself; its state is `failed` by now. */
  crashed(instance: Instance, error: InstanceGoneError): void
  /** It runs, and does not answer any more. */
  unhealthy(instance: Instance, error: unknown): void
}

/** What else belongs to a start. */
export interface StartSteps {
  /** Sees to what has to be there before. */
  prepare(): Promise<void>
  /** Called once the instance answers, before it counts as ready. */
  publish(): Promise<void>
}

/** Starts, watches and ends instances; what that means for their environment is decided by its listener. */
export class Supervisor {
  readonly #observations = new Map<Instance, Observation>()
  readonly #checks = new Set<Instance>()

  constructor(
    private readonly gateway: string,
    private readonly clock: Clock,
    private readonly tlsFor: TlsFor,
    private readonly listener: SupervisorListener,
  ) {}

  /** Brings a queued instance up. After a rejection nothing of it runs, and its state is `failed`, or `stopped` where `signal` ended it. */
  async start(instance: Instance, signal: AbortSignal, steps: StartSteps): Promise<void> {
    const beganMs = this.clock.nowMs()
    instance.become('starting', 'its turn to start has come')
    await this.#bringUp(instance, signal, async () => {
      await steps.prepare()
      for (let attempt = 1; ; attempt += 1) {
        try {
          // eslint-disable-next-line no-await-in-loop -- one attempt after another
          await this.#startOnce(instance, signal)
          break
        } catch (error) {
          if (!(error instanceof PortTakenError) || attempt === portAttempts) throw error
          this.#forget(instance)
          instance.handle = undefined
        }
      }
      await steps.publish()
    })
    const tookMs = Math.round(this.clock.nowMs() - beganMs)
    this.#ready(instance, `ready after ${tookMs} ms`)
  }

  /** Takes over an instance that runs already. Fails like {@link start}, but leaves it running. */
  async adopt(instance: Instance, handle: Json, signal: AbortSignal): Promise<void> {
    instance.become('starting', 'runs already')
    instance.handle = handle
    try {
      await this.#untilReady(instance, await this.#observe(instance), 'recovered', signal)
    } catch (error) {
      this.detach(instance, 'could not be taken over')
      throw error
    }
    this.#ready(instance, 'taken over')
  }

  /** Says what became of an instance whose state is `suspending`, where it ended by itself meanwhile. @returns whether it did */
  endedMeanwhile(instance: Instance): boolean {
    if (!instance.gone.aborted) return false
    if (instance.state === 'suspending') this.#crashed(instance)
    return true
  }

  /** Lets an instance whose state is `resuming` go on; otherwise as {@link start}. */
  async resume(
    instance: Instance,
    signal: AbortSignal,
    publish: () => Promise<void>,
  ): Promise<void> {
    const beganMs = this.clock.nowMs()
    await this.#bringUp(instance, signal, async () => {
      await instance.spawner.resume(instance.namedBy)
      const observation = this.#observations.get(instance)
      instance.gone.throwIfAborted()
      if (observation) await this.#untilReady(instance, observation, 'resumed', signal)
      await publish()
    })
    instance.become('ready', `resumed after ${Math.round(this.clock.nowMs() - beganMs)} ms`)
  }

  /** Ends an instance whose state is `stopping`. Rejects, as `failed`, where its spawner could not end it. */
  async stop(instance: Instance, reason: string, failed = false): Promise<void> {
    const { handle, spawner, plan } = instance
    try {
      if (handle !== undefined) await spawner.stop(handle, plan.policy.graceMs)
      this.#ended(instance, reason)
      instance.become(failed ? 'failed' : 'stopped', reason)
    } catch (error) {
      this.#ended(instance, reason)
      instance.become('failed', `could not be stopped: ${String(error)}`)
      throw error
    }
  }

  /** Lets go of an instance that others still use: it runs on, unobserved by this gateway. */
  detach(instance: Instance, reason: string): void {
    this.#ended(instance, reason)
    if (instance.state !== 'stopping') instance.become('stopping', reason)
    instance.become('stopped', reason)
  }

  /** Asks an instance that seemed to be ready once more; until it answers it is `unready`. */
  recheck(instance: Instance, cause: ReadinessCause, reason: string): void {
    if (instance.state === 'ready') instance.become('unready', reason)
    const observation = this.#observations.get(instance)
    if (instance.state !== 'unready' || !observation || this.#checks.has(instance)) return
    this.#checks.add(instance)
    void this.#untilReady(instance, observation, cause)
      .finally(() => this.#checks.delete(instance))
      .then(
        () => {
          if (instance.state === 'unready') instance.become('ready', 'answers again')
        },
        (error: unknown) => {
          if (instance.state === 'unready') this.listener.unhealthy(instance, error)
        },
      )
  }

  async #startOnce(instance: Instance, signal: AbortSignal): Promise<void> {
    const { id, generation, plan, spawner } = instance
    instance.handle = await spawner.start(
      plan.run,
      {
        gateway: this.gateway,
        id,
        generation,
        owner: plan.owner,
        specHash: plan.specHash,
        signal,
        log: (line) => this.listener.log(instance, line),
        progress: (step) => this.listener.progress(instance, step),
      },
      plan.policy.startTimeoutMs,
    )
    const observation = await this.#observe(instance)
    try {
      await this.#untilReady(instance, observation, 'started', signal)
    } catch (error) {
      if (observation.exit?.reason !== 'port-taken') throw error
      throw new PortTakenError(
        `The port of environment "${id}" was taken by another program ${portAttempts} times; free the port, or let the program listen on the socket in PORT`,
        { id, cause: error },
      )
    }
  }

  async #bringUp(
    instance: Instance,
    signal: AbortSignal,
    work: () => Promise<void>,
  ): Promise<void> {
    try {
      await work()
      instance.gone.throwIfAborted()
      signal.throwIfAborted()
    } catch (error) {
      await this.#giveUp(instance, error, signal.aborted)
      throw error
    }
  }

  /** Leaves nothing of a start that did not make it. */
  async #giveUp(instance: Instance, error: unknown, aborted: boolean): Promise<void> {
    const reason = error instanceof Error ? (error.message.split('\n', 1)[0] ?? '') : String(error)
    const runs = instance.handle !== undefined && !instance.gone.aborted
    if (!runs && !aborted) {
      this.#ended(instance, reason)
      instance.become('failed', reason)
      return
    }
    if (instance.state !== 'failed') instance.become('stopping', reason)
    try {
      if (instance.handle !== undefined) {
        await instance.spawner.stop(instance.handle, instance.plan.policy.graceMs)
      }
    } finally {
      this.#ended(instance, reason)
      if (instance.state === 'stopping') instance.become(aborted ? 'stopped' : 'failed', reason)
    }
  }

  async #observe(instance: Instance): Promise<Observation> {
    const observation = new Observation(
      {
        log: (line) => this.listener.log(instance, line),
        progress: (step) => this.listener.progress(instance, step),
      },
      (now) => this.#changed(instance, now),
    )
    this.#observations.set(instance, observation)
    await instance.spawner.observe(instance.namedBy, observation, observation.signal)
    return observation
  }

  #changed(instance: Instance, now: Status): void {
    const { state } = instance
    const wasReady = serves(state)
    if (now.is === 'gone') {
      this.#gone(instance, now.exit, wasReady || state === 'suspended')
    } else if (now.is === 'pending') {
      if (wasReady) this.recheck(instance, 'moved', 'can not be reached at the moment')
    } else {
      const before = instance.endpoint
      instance.endpoint = now.endpoint
      if (wasReady && before && !sameEndpoint(before, now.endpoint)) {
        this.recheck(instance, 'moved', 'moved to another endpoint')
      }
    }
  }

  #gone(instance: Instance, exit: ExitInfo, stands: boolean): void {
    // Whoever ends it reports its end; a port that was taken is tried again.
    if (instance.state === 'stopping' || (exit.reason === 'port-taken' && !stands)) return
    const when = instance.readySinceMs === undefined ? ' before it was ready' : ''
    instance.end(`Environment "${instance.id}" ${describeExit(exit)}${when}`, exit)
    // Whoever starts, freezes or thaws it finds out.
    if (stands) this.#crashed(instance)
  }

  #crashed(instance: Instance): void {
    this.#forget(instance)
    instance.become('failed', describeExit(instance.exit ?? { reason: 'lost' }))
    this.listener.crashed(instance, instance.gone.reason as InstanceGoneError)
  }

  #untilReady(
    instance: Instance,
    observation: Observation,
    cause: ReadinessCause,
    signal?: AbortSignal,
  ): Promise<void> {
    const { id, log, plan, spawner } = instance
    const { readiness, readyTimeoutMs } = plan.policy
    const { tlsFor } = this
    const ended = AbortSignal.any([...(signal ? [signal] : []), instance.gone, observation.ended])
    return waitUntilReady(
      async (attempt) => {
        const endpoint = await observation.endpoint(attempt)
        await readiness.ready(
          {
            endpoint,
            cause,
            lines: log.lines(),
            // Asked for by probes that speak TLS: where only it is missing, requests are to say so, and no start.
            get tls() {
              return tlsFor(endpoint, id)
            },
            dial: (dialSignal) =>
              endpoint.kind === 'dial'
                ? spawner.dial(instance.namedBy, dialSignal)
                : dialEndpoint(endpoint, dialSignal),
          },
          attempt,
        )
      },
      {
        timeoutMs: readyTimeoutMs,
        clock: this.clock,
        signal: ended,
        // A probe may have a shorter time of its own.
        timedOut: (detail, timeoutMs) =>
          new ReadyTimeoutError(
            `Environment "${id}" was started and not ready within ${timeoutMs} ms${detail}; raise \`${timeoutMs === readyTimeoutMs ? 'readyTimeoutMs' : 'timeoutMs'}\`${timeoutMs === readyTimeoutMs ? '' : ' of its probe'} if it needs longer`,
            { id, lastLogLines: log.tail(10) },
          ),
      },
    )
  }

  #ready(instance: Instance, reason: string): void {
    instance.readySinceMs = this.clock.nowMs()
    instance.become('ready', reason)
  }

  #ended(instance: Instance, reason: string): void {
    this.#forget(instance)
    instance.end(`Environment "${instance.id}" was stopped: ${reason}`, {
      reason: 'lost',
      message: reason,
    })
  }

  #forget(instance: Instance): void {
    this.#observations.get(instance)?.close()
    this.#observations.delete(instance)
  }
}

/** The error for those who wait for an environment that is stopped meanwhile. */
export function stoppedError(id: string, reason: string): StoppedError {
  return new StoppedError(`Environment "${id}" was stopped while it was waited for: ${reason}`, {
    id,
  })
}

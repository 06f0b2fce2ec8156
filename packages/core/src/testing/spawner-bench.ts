import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import type { Endpoint } from '../environment/endpoint.js'
import type { Json } from '../environment/spec.js'
import type { SpawnContext, Spawner, Status } from '../spawning/spawner.js'
import { answerInTime, answerOf } from './http-answer.js'
import { inTime } from './in-time.js'
import { ObservedInstance } from './observed-instance.js'
import type { SpawnerFixture } from './spawner-fixture.js'

/** An instance that a test has started. */
export interface StartedInstance<Handle extends Json> {
  /** A copy that has been through JSON, as one that a coordinator or a file has kept. */
  readonly handle: Handle
  readonly context: SpawnContext
  /** What `start` itself has printed. */
  readonly lines: readonly string[]
}

/** What one test works with: a spawner of its own, and what it has started and observed. Nothing of it outlives the test. */
export class SpawnerBench<Run extends Json, Handle extends Json> {
  readonly spawner: Spawner<Run, Handle>
  readonly gateway = `gateway-${randomBytes(4).toString('hex')}`
  readonly #handles: Handle[] = []
  readonly #observed: ObservedInstance[] = []
  #environments = 0
  #closed = false

  constructor(
    readonly fixture: SpawnerFixture<Run, Handle>,
    readonly patienceMs: number,
  ) {
    this.spawner = fixture.spawner
  }

  /** An environment that no other test, and no other run of the tests, has. */
  newId(): string {
    this.#environments += 1
    return `e${this.#environments}-${randomBytes(4).toString('hex')}`
  }

  /** Ends what was given up; only after {@link within} has said what did not come. */
  signal(): AbortSignal {
    return AbortSignal.timeout(2 * this.patienceMs)
  }

  context(differences: Partial<SpawnContext> = {}): { context: SpawnContext; lines: string[] } {
    const lines: string[] = []
    const context: SpawnContext = {
      gateway: this.gateway,
      id: this.newId(),
      generation: 1,
      owner: 'somebody',
      specHash: randomBytes(16).toString('hex'),
      signal: this.signal(),
      log: (line) => lines.push(line),
      progress: ({ phase, text }) => {
        assert.equal(typeof phase, 'string', 'a step of a start has a phase')
        assert.equal(typeof text, 'string', 'a step of a start has a text')
      },
      ...differences,
    }
    return { context, lines }
  }

  async start(
    run: Run = this.fixture.run,
    differences: Partial<SpawnContext> = {},
  ): Promise<StartedInstance<Handle>> {
    const { context, lines } = this.context(differences)
    this.spawner.check(run, await this.spawner.capabilities(this.signal()))
    const handle = await this.within(this.spawner.start(frozen(run), context), 'start() to resolve')
    this.#handles.push(handle)
    return { handle: throughJson(handle), context, lines }
  }

  /** Observes an instance; `lines` are those that came before. */
  async observe(
    handle: Handle,
    lines: readonly string[] = [],
    spawner: Spawner<Run, Handle> = this.spawner,
  ): Promise<ObservedInstance> {
    const observed = new ObservedInstance(this.patienceMs, lines)
    this.#observed.push(observed)
    observed.resolved(
      await this.within(
        spawner.observe(handle, observed, observed.signal),
        'observe() to resolve to a status',
      ),
    )
    return observed
  }

  async present(handle: Handle, spawner: Spawner<Run, Handle> = this.spawner): Promise<Status> {
    const observed = await this.observe(handle, [], spawner)
    const [status] = observed.statuses
    observed.abort()
    assert.ok(status)
    return status
  }

  stop(
    handle: Handle,
    graceMs = 5_000,
    spawner: Spawner<Run, Handle> = this.spawner,
  ): Promise<void> {
    return this.within(
      spawner.stop(handle, { graceMs, signal: this.signal() }),
      'stop() to resolve',
    )
  }

  /** Starts, observes and waits for the first answer. */
  async running(
    run?: Run,
    differences?: Partial<SpawnContext>,
  ): Promise<StartedInstance<Handle> & { observed: ObservedInstance; endpoint: Endpoint }> {
    const started = await this.start(run, differences)
    const observed = await this.observe(started.handle, started.lines)
    const endpoint = await observed.running()
    await this.answers(started.handle, endpoint)
    return { ...started, observed, endpoint }
  }

  /** Resolves when the endpoint answers an HTTP request. */
  async answers(
    handle: Handle,
    endpoint: Endpoint,
    spawner: Spawner<Run, Handle> = this.spawner,
  ): Promise<void> {
    const dial = spawner.dial?.bind(spawner, handle)
    const status = await this.within(
      answerInTime(endpoint, dial, this.signal()),
      `an HTTP answer from ${JSON.stringify(endpoint)}`,
    )
    assert.ok(status >= 100, 'an HTTP answer has a status')
  }

  /** Fails where the endpoint still answers, or takes connections. */
  async isSilent(handle: Handle, endpoint: Endpoint): Promise<void> {
    const dial = this.spawner.dial?.bind(this.spawner, handle)
    const controller = new AbortController()
    try {
      const answer = answerOf(endpoint, dial, controller.signal)
      await this.rejection(answer, `a request to ${JSON.stringify(endpoint)} to fail`)
    } finally {
      controller.abort()
    }
  }

  /** Resolves to what `work` rejects with; fails where it resolves, or takes too long. */
  async rejection(work: Promise<unknown>, what: string): Promise<unknown> {
    const outcome = work.then(
      () => ({ rejected: false }) as const,
      (error: unknown) => ({ rejected: true, error }) as const,
    )
    const settled = await this.within(outcome, what)
    if (settled.rejected) return settled.error
    throw new assert.AssertionError({ message: `Expected ${what}, and it did not` })
  }

  async assertNothingLeft(): Promise<void> {
    assert.deepEqual(await this.fixture.leftovers(), [], 'something was left')
  }

  /** Settles as `work` does, or says what did not come in time. */
  async within<T>(work: Promise<T>, what: string): Promise<T> {
    return inTime(work, this.patienceMs, () => what)
  }

  async closeSpawner(): Promise<void> {
    this.#closed = true
    await this.within(this.spawner.close(), 'close() to resolve')
  }

  /** Ends all, and fails where something is left or an observer was told what it must not be told. */
  async close(): Promise<void> {
    try {
      const stopped = await Promise.allSettled(this.#handles.map((handle) => this.stop(handle, 0)))
      const failed = stopped.find((outcome) => outcome.status === 'rejected')
      for (const observed of this.#observed) observed.assertInOrder()
      // A spawner that a test has closed need not be able to stop anything: its fixture is.
      if (failed && this.#closed) return
      if (failed) throw failed.reason
      await this.closeSpawner()
      await this.assertNothingLeft()
    } finally {
      for (const observed of this.#observed) observed.abort()
      await this.fixture.dispose()
    }
  }
}

function throughJson<T extends Json>(value: T): T {
  const text = JSON.stringify(value)
  const parsed = JSON.parse(text) as T
  assert.deepEqual(parsed, value, `a handle has to be JSON, and ${text} is not all of it`)
  return parsed
}

/** A copy that nobody can change. */
function frozen<T extends Json>(value: T): T {
  const freeze = (part: unknown): void => {
    if (typeof part !== 'object' || part === null) return
    Object.values(part).forEach(freeze)
    Object.freeze(part)
  }
  const copy = structuredClone(value)
  freeze(copy)
  return copy
}

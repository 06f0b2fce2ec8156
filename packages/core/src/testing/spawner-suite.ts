import assert from 'node:assert/strict'
import type { Json } from '../environment/spec.js'
import { SpawnerBench } from './spawner-bench.js'
import type { SpawnerAspect, SpawnerUnderTest } from './spawner-fixture.js'

/** What a test is passed by its runner: vitest and node:test both have it. */
export interface RunningTest {
  /** Marks the test as skipped. It may throw in order to end the test. */
  skip(reason: string): unknown
}

/** A test runner that can skip a test while it runs: vitest's functions, or those of node:test. */
export interface SkippingTestApi {
  describe(name: string, body: () => void): unknown
  it(name: string, body: (test: RunningTest) => Promise<void>): unknown
}

/** Declares tests, each with a bench of its own. */
export class SpawnerSuite<Run extends Json, Handle extends Json> {
  constructor(
    private readonly api: SkippingTestApi,
    private readonly underTest: SpawnerUnderTest<Run, Handle>,
  ) {}

  /** Declares a test that always applies. */
  test(name: string, body: TestBody<Run, Handle>): void
  /** Declares a test that the fixture may say does not apply. */
  test(name: string, aspect: SpawnerAspect, body: TestBody<Run, Handle>): void
  test(
    name: string,
    aspectOrBody: SpawnerAspect | TestBody<Run, Handle>,
    bodyOrNone?: TestBody<Run, Handle>,
  ): void {
    const aspect = typeof aspectOrBody === 'string' ? aspectOrBody : undefined
    const body = typeof aspectOrBody === 'string' ? bodyOrNone : aspectOrBody
    assert.ok(body)
    this.api.it(name, async (running) => {
      const fixture = await this.underTest.make()
      const bench = new SpawnerBench(fixture, this.underTest.patienceMs ?? 15_000)
      const reason = aspect && fixture.notApplicable?.[aspect]
      const outcome = await attempted(async () => reason ?? (await body(bench)))
      const closing = await attempted(() => bench.close())
      // What went wrong first says more than what that has left.
      if (outcome.failed) throw outcome.error
      if (closing.failed) throw closing.error
      if (typeof outcome.value === 'string') this.#skip(running, name, outcome.value)
    })
  }

  /** What the fixture has to have, unless it says why not. */
  needed<T>(member: T | undefined, name: string): T {
    assert.ok(
      member !== undefined,
      `Expected the fixture to have \`${name}\`, or to say in \`notApplicable\` why not`,
    )
    return member
  }

  #skip(running: RunningTest, name: string, reason: string): void {
    // Runners print the reason in some of their reports only.
    // eslint-disable-next-line no-console -- a skipped test has to be seen
    console.info(`skipped: spawner ${this.underTest.name} ${name}: ${reason}`)
    running.skip(reason)
  }
}

/** Resolves to the reason where it turns out not to apply. */
type TestBody<Run extends Json, Handle extends Json> = (
  bench: SpawnerBench<Run, Handle>,
) => Promise<string | void>

type Outcome<T> =
  | { readonly failed: false; readonly value: T }
  | { readonly failed: true; readonly error: unknown }

async function attempted<T>(work: () => Promise<T>): Promise<Outcome<T>> {
  try {
    return { failed: false, value: await work() }
  } catch (error) {
    return { failed: true, error }
  }
}

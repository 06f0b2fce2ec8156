import { afterAll, beforeAll, describe, expect, it, type MockInstance, vi } from 'vitest'
import type { Json } from '../environment/spec.js'
import { LogBuffer } from '../logs/log-buffer.js'
import { inProcessSpawner } from '../spawning/in-process.js'
import type { Spawner, Status } from '../spawning/spawner.js'
import { type Does, Engine, fullSpawner } from './full-spawner.fixture.js'
import { describeSpawner } from './spawner-conformance.js'
import type { SpawnerFixture } from './spawner-fixture.js'

type Fixture = SpawnerFixture

type Break = (spawner: Spawner, engine: Engine) => Partial<Spawner>

/** Makes the fixture of a spawner that a test breaks in one place. */
async function fixtureOf(breakIt: Break = () => ({})): Promise<Fixture> {
  const engine = new Engine(
    (app) => inProcessSpawner({ app }) as Spawner,
    () => new LogBuffer(),
  )
  const make = (): Spawner => {
    const spawner = fullSpawner(engine)
    return { ...spawner, ...breakIt(spawner, engine) }
  }
  const run = (does: Does): Json => does
  return {
    spawner: make(),
    run: run('serve'),
    badRuns: [undefined, () => {}],
    printing: { run: run('print'), line: 'hello' },
    crashing: { run: run('crash'), line: 'out of luck', exit: { reason: 'exited', exitCode: 7 } },
    failingRun: run('fail'),
    slow: { run: run('hang'), begun: () => engine.hanging },
    reopen: async () => make(),
    leftovers: async () =>
      [...engine.instances.values()].filter(({ gone }) => !gone).map(({ record }) => record.id),
    dispose: async () => {
      for (const { record } of engine.instances.values()) {
        await engine.programs.stop(record.handle, {
          graceMs: 0,
          signal: AbortSignal.timeout(5_000),
        })
      }
    },
    notApplicable: { grace: 'it has nothing that could refuse to end' },
  }
}

/** Runs the one test of the suite whose name contains `name`, with a runner like node:test's, where skip() returns. */
async function outcome(
  name: string,
  make: () => Promise<Fixture>,
  patienceMs?: number,
): Promise<string> {
  const tests: { name: string; body: (test: { skip(why: string): void }) => Promise<void> }[] = []
  describeSpawner(
    {
      describe: (_name, body) => body(),
      it: (testName, body) => tests.push({ name: testName, body }),
    },
    { name: 'under test', make, ...(patienceMs !== undefined && { patienceMs }) },
  )
  const matching = tests.filter((test) => test.name.includes(name))
  expect(matching.map((test) => test.name)).toHaveLength(1)
  let skipped: string | undefined
  try {
    await matching[0]!.body({ skip: (why) => (skipped = why) })
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
  return skipped === undefined ? 'passed' : `skipped: ${skipped}`
}

describeSpawner({ describe, it }, { name: 'with all members', make: () => fixtureOf() })

/** For what never comes: long enough for all that comes before it, on a busy machine too. */
const impatienceMs = 1_500

describe.concurrent('describeSpawner()', () => {
  let info: MockInstance
  beforeAll(() => {
    info = vi.spyOn(console, 'info').mockImplementation(() => {})
  })
  afterAll(() => void vi.restoreAllMocks())

  const tests: readonly [string, string, Break, RegExp][] = [
    ['a name that fits nowhere', 'has a name', () => ({ name: 'My Spawner' }), /match/],
    ['an unknown reach', 'has a name', () => ({ reach: 'galaxy' as never }), /galaxy/],
    [
      'claims that it can not keep',
      'has a name',
      () => ({ resume: undefined }),
      /lacks the members/,
    ],
    ['a check that lets all pass', 'checks runs', () => ({ check: () => {} }), /let it pass/],
    [
      'a check with an error of its own',
      'checks runs',
      () => ({
        check: (run) => {
          if (typeof run !== 'string') throw new TypeError('no good at all, as it seems')
        },
      }),
      /no AlcoveError/,
    ],
    [
      'a close that ends instances',
      'closes twice',
      (spawner, engine) => {
        engine.plain = true
        const handles: Json[] = []
        return {
          start: async (run, context) => {
            const handle = await spawner.start(run, context)
            handles.push(handle)
            return handle
          },
          close: async () => {
            for (const handle of handles) {
              await spawner.stop(handle, { graceMs: 0, signal: AbortSignal.timeout(1_000) })
            }
          },
        }
      },
      /Waited 1500 ms for an HTTP answer/,
    ],
    [
      'a handle that is no JSON',
      'starts what answers',
      (spawner) => ({
        start: async (run, context) => ({
          ...((await spawner.start(run, context)) as object),
          at: new Date() as never,
        }),
      }),
      /a handle has to be JSON/,
    ],
    [
      'one handle for all',
      'a handle of its own',
      (spawner) => ({
        start: async (run, context) => {
          await spawner.start(run, context)
          return 'the instance'
        },
      }),
      /two generations have one handle/,
    ],
    [
      'a start that ignores the abort before it',
      'signal is aborted already',
      (spawner) => ({
        start: (run, context) =>
          spawner.start(run, { ...context, signal: AbortSignal.timeout(5_000) }),
      }),
      /Expected the aborted start\(\) to reject, and it did not/,
    ],
    [
      'a start that ignores the abort during it',
      'aborted in its middle',
      (spawner) => ({
        start: (run, context) =>
          spawner.start(run, { ...context, signal: AbortSignal.timeout(3_000) }),
      }),
      /Waited 1500 ms for the aborted start\(\) to reject/,
    ],
    [
      'a start that leaves something when it fails',
      'a start that fails',
      (spawner) => ({
        start: async (_run, context) => {
          await spawner.start('serve', context)
          return spawner.start('fail', context)
        },
      }),
      /something was left/,
    ],
    [
      'one observer only',
      'two observers the same',
      (spawner) => {
        let observers = 0
        return {
          observe: (handle, to, signal) => {
            observers += 1
            return observers > 2
              ? Promise.resolve({ is: 'pending' })
              : spawner.observe(handle, to, signal)
          },
        }
      },
      /Waited 1500 ms for the status "running"/,
    ],
    [
      'telling after the abort',
      'aborted observer',
      (spawner) => ({
        observe: (handle, to) => spawner.observe(handle, to, new AbortController().signal),
      }),
      /Expected values to be strictly equal/,
    ],
    [
      'lines told twice',
      'tells what an instance prints',
      (spawner) => ({
        observe: (handle, to, signal) => {
          const log = (line: string): void => {
            to.log(line)
            to.log(line)
          }
          return spawner.observe(
            handle,
            { log, progress: () => {}, status: (now) => to.status(now) },
            signal,
          )
        },
      }),
      /Expected values to be strictly equal/,
    ],
    [
      'lines with their ends',
      'tells what an instance prints',
      (spawner) => ({
        observe: (handle, to, signal) => {
          const log = (line: string): void => {
            to.log(line)
            to.log(`${line}\n`)
          }
          return spawner.observe(
            handle,
            { log, progress: () => {}, status: (now) => to.status(now) },
            signal,
          )
        },
      }),
      /told something wrong/,
    ],
    [
      'an end that is told twice',
      'each observer is told once',
      (spawner) => ({
        observe: (handle, to, signal) => {
          const status = (now: Status): void => {
            to.status(now)
            if (now.is === 'gone') to.status(now)
          }
          return spawner.observe(
            handle,
            { log: (line) => to.log(line), progress: () => {}, status },
            signal,
          )
        },
      }),
      /Expected values to be strictly deep-equal/,
    ],
    [
      'a stop that does nothing',
      'each observer is told once',
      () => ({ stop: async () => {} }),
      /Waited 1500 ms for the status "gone"/,
    ],
    [
      'a stop that only works once',
      'or being stopped, already',
      (spawner) => {
        const stopped = new Set<string>()
        return {
          stop: async (handle, how) => {
            const key = JSON.stringify(handle)
            if (stopped.has(key)) throw new Error('no such instance')
            stopped.add(key)
            await spawner.stop(handle, how)
          },
        }
      },
      /no such instance/,
    ],
    [
      'a stop that is over before the end',
      'only just been started',
      (spawner) => ({
        stop: async (handle, how) => {
          setImmediate(() => void spawner.stop(handle, how))
        },
      }),
      /Expected values to be strictly equal/,
    ],
    [
      'a stop of whatever has the id',
      'one incarnation only',
      (spawner) => {
        const handles: Json[] = []
        return {
          start: async (run, context) => {
            const handle = await spawner.start(run, context)
            handles.push(handle)
            return handle
          },
          stop: async (_handle, how) => {
            for (const handle of handles) await spawner.stop(handle, how)
          },
        }
      },
      /Waited 1500 ms for an HTTP answer/,
    ],
    [
      'an end before the last lines',
      'after all that it printed',
      (spawner) => ({
        observe: (handle, to, signal) => {
          const log = (line: string): void => void setTimeout(() => to.log(line), 20)
          return spawner.observe(
            handle,
            { log, progress: () => {}, status: (now) => to.status(now) },
            signal,
          )
        },
      }),
      /was not told before the end/,
    ],
    [
      'a wrong exit',
      'after all that it printed',
      (spawner) => ({
        observe: (handle, to, signal) => {
          const status = (now: Status): void =>
            to.status(now.is === 'gone' ? { is: 'gone', exit: { reason: 'lost' } } : now)
          return spawner.observe(
            handle,
            { log: (line) => to.log(line), progress: () => {}, status },
            signal,
          )
        },
      }),
      /Expected values to be strictly deep-equal/,
    ],
    [
      'an end that is forgotten',
      'after all that it printed',
      (spawner) => ({
        observe: async (handle, to, signal) => {
          const now = await spawner.observe(handle, to, signal)
          return now.is === 'gone' ? { is: 'pending' } : now
        },
      }),
      /'pending'/,
    ],
    [
      'the instances of all gateways',
      'another gateway',
      (spawner) => {
        const gateways = new Set<string>()
        return {
          start: (run, context) => {
            gateways.add(context.gateway)
            return spawner.start(run, context)
          },
          async *recover(_gateway, signal) {
            for (const gateway of gateways) yield* spawner.recover(gateway, signal)
          },
        }
      },
      /Expected values to be strictly deep-equal/,
    ],
    ['nothing to recover', 'a former spawner', () => ({ async *recover() {} }), /it found \[\]/],
    [
      'a suspend that does nothing',
      'suspends',
      () => ({ suspend: async () => {} }),
      /Waited 1500 ms for the status "suspended"/,
    ],
    [
      'a resume that does nothing',
      'suspends',
      () => ({ resume: async () => {} }),
      /Waited 1500 ms for the status "running"/,
    ],
    [
      'usage of what is gone',
      'use',
      () => ({ usage: async (handles) => handles.map(() => ({ cpuMs: 0, memoryBytes: 1 })) }),
      /Expected values to be strictly equal/,
    ],
    ['logs that hold nothing', 'reads logs', () => ({ async *logs() {} }), /is not among \[\]/],
    [
      'logs that do not end',
      'reads logs',
      (spawner) => ({
        async *logs(handle, how) {
          yield* spawner.logs?.(handle, { ...how, follow: false }) ?? []
          if (how.follow) await new Promise(() => {})
        },
      }),
      /Waited 1500 ms for the lines to end/,
    ],
    [
      'a purge that only works once',
      'purges',
      () => {
        let purges = 0
        return {
          purge: async () => {
            purges += 1
            if (purges === 2) throw new Error('nothing there')
          },
        }
      },
      /nothing there/,
    ],
    ['endpoints that nobody can dial', 'dials', () => ({ dial: undefined }), /`dial`/],
  ]

  it.each(tests)('finds %s', async (_name, test, breakIt, message) => {
    const patienceMs = message.source.startsWith('Waited') ? impatienceMs : undefined
    expect(await outcome(test, () => fixtureOf(breakIt), patienceMs)).toMatch(message)
    // The same test passes where nothing is broken, so that it is what finds the fault.
    expect(await outcome(test, () => fixtureOf())).toBe('passed')
  })

  it('skips what the fixture says does not apply, and nothing else that is missing', async () => {
    const without = async (): Promise<Fixture> => {
      const { crashing: _, ...rest } = await fixtureOf()
      return rest
    }
    expect(await outcome('after all that it printed', without)).toContain(
      'Expected the fixture to have `crashing`, or to say in `notApplicable` why not',
    )
    const excused = async (): Promise<Fixture> => ({
      ...(await without()),
      notApplicable: { crash: 'it can not' },
    })
    expect(await outcome('after all that it printed', excused)).toBe('skipped: it can not')
    expect(info).toHaveBeenLastCalledWith(expect.stringContaining('it can not'))
    const bare = (): Promise<Fixture> => fixtureOf(() => ({ purge: undefined }))
    expect(await outcome('purges', bare)).toBe('skipped: it has no `purge`')
  })

  it('finds what a test has left', async () => {
    const leaving = async (): Promise<Fixture> => ({
      ...(await fixtureOf()),
      leftovers: async () => ['process 4711'],
    })
    expect(await outcome('starts several', leaving)).toContain('something was left')
  })
})

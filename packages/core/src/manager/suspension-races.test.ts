import fc from 'fast-check'
import { expect, it } from 'vitest'
import type { AlcoveError } from '../errors.js'
import { inMemoryCoordinator } from '../coordination/in-memory.js'
import { type ManualClock, manualClock } from '../testing/manual-clock.js'
import { EnvironmentManager } from './manager.js'
import { alwaysReady, scriptedSpawner, type ScriptedSpawner } from './scripted-spawner.fixture.js'

const seed = Number(process.env['ALCOVE_FUZZ_SEED'] ?? 20_261_128)
const ids = ['a', 'b', 'c']

/** What users, operators and programs do to environments, without waiting for one another. */
class Scene {
  readonly clock: ManualClock = manualClock()
  readonly spawner: ScriptedSpawner = scriptedSpawner()
  readonly problems: string[] = []
  readonly manager = new EnvironmentManager({
    spawner: this.spawner,
    clock: this.clock,
    readiness: alwaysReady,
    coordinator: inMemoryCoordinator({ nowMs: () => this.clock.nowMs() }),
    specFor: ({ id }) => ({ run: { id } }),
    suspendAfterMs: 1_000,
    idleTimeoutMs: 5_000,
    maxLifetimeMs: 20_000,
    maxEnvironments: 2,
    capacityTimeoutMs: 3_000,
  })
  readonly #pending: Promise<unknown>[] = []
  readonly #leases: { release(): void }[] = []

  constructor() {
    this.manager.on('problem', ({ reason }) => this.problems.push(reason))
  }

  readonly steps = {
    acquire: (id: string) =>
      this.#begin(this.manager.acquire(id).then((lease) => this.#leases.push(lease))),
    release: () => this.#leases.pop()?.release(),
    create: (id: string) => this.#begin(this.manager.create(id)),
    replace: (id: string) => this.#begin(this.manager.create(id, { run: this.#pending.length })),
    stop: (id: string) => this.#begin(this.manager.stop(id, { drainMs: 0 })),
    purge: (id: string) => this.#begin(this.manager.purge(id)),
    crash: (id: string) => {
      const runs = [...this.spawner.running.keys()].some((key) => key.startsWith(`${id}#`))
      if (runs) this.spawner.crash(id)
    },
    failFreezing: () => this.spawner.failSuspends(new Error('no freezer')),
    failThawing: () => this.spawner.failResumes(new Error('still ice')),
    mend: () => this.mend(),
    turn: () => Promise.resolve(),
  }

  mend(): void {
    this.spawner.failSuspends(undefined)
    this.spawner.failResumes(undefined)
  }

  async settle(): Promise<void> {
    for (const lease of this.#leases.splice(0)) lease.release()
    await this.clock.advance(100_000)
    await Promise.all(this.#pending)
  }

  #begin(work: Promise<unknown>): void {
    this.#pending.push(work.catch(() => {}))
  }
}

type Step = keyof Scene['steps']
const names = Object.keys(new Scene().steps) as Step[]

it('whatever comes in between: nobody waits for ever, all can be started again, and nothing runs in the end', async () => {
  const step = fc.oneof(fc.constantFrom(...names), fc.nat({ max: 12_000 }))
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (script) => {
      const scene = new Scene()
      const { clock, spawner, manager } = scene
      for (const [at, each] of script.entries()) {
        if (typeof each === 'number') await clock.advance(each)
        else if (each === 'turn') await Promise.resolve()
        else scene.steps[each](ids[at % ids.length] as string)
      }
      await scene.settle()
      scene.mend()
      for (const id of ids) {
        const lease = await manager.acquire(id).catch((error: unknown) => {
          // One that failed too often.
          if ((error as AlcoveError).code !== 'ALCOVE_BACKING_OFF') throw error
        })
        lease?.release()
      }
      await manager.close({ drainMs: 0 })
      expect([...spawner.running.keys()]).toEqual([])
      expect(clock.pendingTimers).toBe(0)
      expect(scene.problems.filter((problem) => !problem.endsWith('no freezer'))).toEqual([])
    }),
    { numRuns: 300, seed },
  )
}, 60_000)

import fc from 'fast-check'
import { expect, it, vi } from 'vitest'
import { isLive } from '../environment/state.js'
import type { AlcoveError } from '../errors.js'
import { inMemoryCoordinator } from '../coordination/in-memory.js'
import { type ManualClock, manualClock } from '../testing/manual-clock.js'
import { EnvironmentManager } from './manager.js'
import { alwaysReady, scriptedSpawner, type ScriptedSpawner } from './scripted-spawner.fixture.js'
import { MemoryBudget } from './memory-budget.js'

const { reserve } = MemoryBudget.prototype
/** Where the budget that a manager makes for itself is told. */
let current: Scene
vi.spyOn(MemoryBudget.prototype, 'reserve').mockImplementation(function keep(
  this: MemoryBudget,
  bytes,
) {
  current.budget ??= this
  return reserve.call(this, bytes)
})

const seed = Number(process.env['ALCOVE_FUZZ_SEED'] ?? 20_261_128)
const numRuns = Number(process.env['ALCOVE_FUZZ_RUNS'] ?? 300)
const ids = ['a', 'b', 'c', 'd']
const memoryBudgetBytes = 50
const maxEnvironments = 2

/** What users, operators and programs do to environments, without waiting for one another. */
class Scene {
  readonly clock: ManualClock = manualClock()
  readonly spawner: ScriptedSpawner = scriptedSpawner()
  readonly problems: string[] = []
  readonly broken: string[] = []
  prepares: 'works' | 'fails' | 'hangs' | 'ignores' = 'works'
  preparing = 0
  readonly coordinator = inMemoryCoordinator({ nowMs: () => this.clock.nowMs() })
  stopsFail = false
  budget: MemoryBudget | undefined
  readonly manager: EnvironmentManager
  readonly pending: Promise<unknown>[] = []
  readonly unsettled = new Set<string>()
  #version = 0
  #begun = 0
  #open: (() => void)[] = []
  readonly #leases: { release(): void }[] = []

  constructor() {
    const { coordinator } = this
    this.manager = new EnvironmentManager({
      spawner: {
        ...this.spawner,
        observe: async (handle: never, to: never, signal: never) => {
          const status = await this.spawner.observe(handle, to, signal)
          // The script keeps those that ended before they listened.
          this.#runs('')
          return status
        },
        // What fails to stop is gone all the same: the error is all that is of interest.
        stop: async (handle: never, options: never) => {
          await this.spawner.stop(handle, options)
          if (this.stopsFail) throw new Error('no stop')
        },
      },
      clock: this.clock,
      readiness: alwaysReady,
      coordinator,
      specFor: ({ id }) => this.spec(id, 0),
      suspendAfterMs: 1_000,
      idleTimeoutMs: 5_000,
      maxLifetimeMs: 20_000,
      drainTimeoutMs: 4_000,
      maxEnvironments,
      maxPerOwner: 2,
      maxConcurrentStarts: 1,
      capacityTimeoutMs: 3_000,
      memoryBudgetBytes,
      minAvailableMemoryBytes: 10,
      hostMemory: { totalBytes: 100, availableBytes: () => (this.clock.nowMs() % 7 > 3 ? 5 : 50) },
      keepWarm: [],
    })
    this.manager.on('problem', (error) => this.problems.push(`${error.code} ${error.reason}`))
    this.manager.on('transition', () => this.check())
  }

  spec(id: string, version: number) {
    return {
      run: { id, version },
      owner: id < 'c' ? 'x' : 'y',
      memoryBytes: id === 'a' ? 0 : 20,
      prepare: {
        timeoutMs: 2_500,
        key: `${id} ${version}`,
        run: ({ signal }: { signal: AbortSignal }) => this.#prepare(signal),
        undo: async () => {},
      },
    }
  }

  async #prepare(signal: AbortSignal): Promise<void> {
    const how = this.prepares
    if (how === 'fails') throw new Error('no prepare')
    if (how === 'works') return
    this.preparing += 1
    try {
      await new Promise((_, reject) => {
        if (how === 'ignores') this.#open.push(() => reject(new Error('late')))
        else signal.addEventListener('abort', () => reject(signal.reason as Error))
      })
    } finally {
      this.preparing -= 1
    }
  }

  check(): void {
    const bytes = this.budget?.reservedBytes ?? 0
    if (bytes < 0 || bytes > memoryBudgetBytes) this.broken.push(`memory ${bytes}`)
    const live = this.manager.list().filter(({ state }) => isLive(state)).length
    if (live > maxEnvironments) this.broken.push(`${live} live`)
  }

  readonly steps = {
    acquire: (id: string) =>
      this.#begin(
        `acquire ${id}`,
        this.manager.acquire(id).then((lease) => this.#leases.push(lease)),
      ),
    acquireAndLeave: (id: string) => {
      const signal = new AbortController()
      this.#begin(
        `acquire ${id}`,
        this.manager.acquire(id, { signal: signal.signal }).then((lease) => lease.release()),
      )
      this.#leave.push(signal)
    },
    leave: () => this.#leave.pop()?.abort(new Error('left')),
    release: () => this.#leases.pop()?.release(),
    create: (id: string) => this.#begin(`create ${id}`, this.manager.create(id)),
    createOther: (id: string) =>
      this.#begin(
        `createOther ${id}`,
        this.manager.create(id, this.spec(id, (this.#version += 1))),
      ),
    replace: (id: string) => this.#begin(`replace ${id}`, this.manager.replace(id)),
    restart: (id: string) => this.#begin(`restart ${id}`, this.manager.restart(id, { drainMs: 0 })),
    stop: (id: string) => this.#begin(`stop ${id}`, this.manager.stop(id, { drainMs: 0 })),
    stopSlowly: (id: string) =>
      this.#begin(`stop ${id}`, this.manager.stop(id, { drainMs: 2_000 })),
    purge: (id: string) => this.#begin(`purge ${id}`, this.manager.purge(id)),
    pin: (id: string) => this.manager.pin(id),
    unpin: (id: string) => this.manager.unpin(id),
    extend: (id: string) => this.manager.extend(id, 3_000),
    crash: (id: string) => {
      if (this.#runs(id)) this.spawner.crash(id)
    },
    unready: (id: string) => {
      if (this.#runs(id)) this.spawner.tell(id, { is: 'pending' })
    },
    failStarts: () => this.spawner.failStarts(new Error('no start')),
    holdStarts: () => this.#open.push(this.spawner.holdStarts()),
    holdStops: () => this.#open.push(this.spawner.holdStops()),
    openGates: () => {
      for (const open of this.#open.splice(0)) open()
    },
    prepareFails: () => {
      this.prepares = 'fails'
    },
    prepareHangs: () => {
      this.prepares = 'hangs'
    },
    prepareIgnores: () => {
      this.prepares = 'ignores'
    },
    failStops: () => {
      this.stopsFail = true
    },
    failFreezing: () => this.spawner.failSuspends(new Error('no freezer')),
    failThawing: () => this.spawner.failResumes(new Error('still ice')),
    crashAtStart: () => this.spawner.crashAtStart({ reason: 'exited', exitCode: 1 }),
    createForOther: (id: string) =>
      this.#begin(
        `createForOther ${id}`,
        this.manager.create(id, { ...this.spec(id, (this.#version += 1)), owner: 'x' }),
      ),
    mend: () => this.mend(),
    turn: () => Promise.resolve(),
  }
  readonly #leave: AbortController[] = []

  mend(): void {
    this.spawner.failStarts(undefined)
    this.prepares = 'works'
    this.stopsFail = false
    this.spawner.crashAtStart(undefined)
    this.spawner.failSuspends(undefined)
    this.spawner.failResumes(undefined)
  }

  openAll(): void {
    for (const open of this.#open.splice(0)) open()
  }

  async settle(): Promise<void> {
    this.openAll()
    for (const id of ids) this.manager.unpin(id)
    for (let n = 0; n < 20; n += 1) {
      for (const lease of this.#leases.splice(0)) lease.release()
      await this.clock.advance(5_000)
      this.openAll()
    }
  }

  #runs(id: string): boolean {
    const running = this.spawner.running as unknown as Map<string, { status: { is: string } }>
    for (const [key, { status }] of running) if (status.is === 'gone') running.delete(key)
    return [...running.keys()].some((key) => key.startsWith(`${id}#`))
  }

  #begin(what: string, work: Promise<unknown>): void {
    const key = `${(this.#begun += 1)} ${what}`
    this.unsettled.add(key)
    this.pending.push(work.catch(() => {}).then(() => this.unsettled.delete(key)))
  }
}

type Step = keyof Scene['steps']
const names = Object.keys(new Scene().steps) as Step[]
const step = fc.oneof(
  { weight: 3, arbitrary: fc.tuple(fc.constantFrom(...names), fc.constantFrom(...ids)) },
  { weight: 1, arbitrary: fc.oneof(fc.nat({ max: 3_000 }), fc.nat({ max: 12_000 })) },
  { weight: 1, arbitrary: fc.constant(0) },
)

async function play(
  scene: Scene,
  script: readonly (number | readonly [Step, string])[],
): Promise<void> {
  for (const each of script) {
    if (typeof each === 'number') await scene.clock.advance(each)
    else if (each[0] === 'turn') await Promise.resolve()
    else scene.steps[each[0]](each[1])
  }
}

const acceptable =
  /no start|no prepare|late|took longer|exited with code|not ready within|no stop|no freezer|still ice|did not stop an instance within/

/** What runs: the script keeps those that ended before they listened. */
function left({ running }: ScriptedSpawner): string[] {
  return [...running].filter(([, { status }]) => status.is !== 'gone').map(([key]) => key)
}

/** No place is lost, for all nor for one owner. */
async function placesLeft({ coordinator, clock }: Scene): Promise<void> {
  const next = new EnvironmentManager({
    spawner: scriptedSpawner(),
    clock,
    coordinator,
    readiness: alwaysReady,
    maxEnvironments,
    maxPerOwner: 2,
    capacityTimeoutMs: 0,
    minAvailableMemoryBytes: 0,
  })
  for (const owner of ['x', 'y']) {
    for (const id of ['e', 'f']) {
      const created = next.create(`${id}${owner}`, { run: 1, owner })
      created.catch(() => {})
      await clock.advance(0)
      await (async () => {
        await created
        return next.acquire(`${id}${owner}`)
      })()
    }
    for (const id of ['e', 'f']) await next.stop(`${id}${owner}`, { drainMs: 0 })
  }
  await next.close({ drainMs: 0 })
}

it('whatever comes in between: nobody waits for ever, all can be started again, and nothing runs in the end', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (script) => {
      const scene = new Scene()
      current = scene
      const { clock, spawner, manager } = scene
      await play(scene, script)
      scene.mend()
      await scene.settle()
      expect([...scene.unsettled]).toEqual([])
      for (const id of ids) {
        const lease = await manager.acquire(id).catch((error: unknown) => {
          if ((error as AlcoveError).code !== 'ALCOVE_BACKING_OFF') throw error
        })
        lease?.release()
      }
      await manager.close({ drainMs: 0 })
      await clock.advance(10)
      expect(left(spawner)).toEqual([])
      expect(clock.pendingTimers).toBe(0)
      expect(scene.budget?.reservedBytes ?? 0).toBe(0)
      await placesLeft(scene)
      expect(scene.broken).toEqual([])
      expect(scene.problems.filter((p) => !acceptable.test(p))).toEqual([])
    }),
    { numRuns, seed },
  )
}, 300_000)

it('a close in the middle: nothing runs in the end', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { minLength: 5, maxLength: 30 }),
      fc.array(step, { maxLength: 5 }),
      async (script, more) => {
        const scene = new Scene()
        current = scene
        const { clock, spawner, manager } = scene
        await play(scene, script)
        const closed = manager.close({ drainMs: 0 })
        await play(scene, more)
        for (let turn = 0; turn < 40; turn += 1) {
          scene.openAll()
          await clock.advance(2_000)
        }
        await closed
        expect(left(spawner)).toEqual([])
        await clock.advance(10)
        scene.openAll()
        await clock.advance(10)
        expect([...scene.unsettled]).toEqual([])
        expect(left(spawner)).toEqual([])
        expect(clock.pendingTimers).toBe(0)
        expect(scene.budget?.reservedBytes ?? 0).toBe(0)
        await placesLeft(scene)
        expect(scene.broken).toEqual([])
      },
    ),
    { numRuns, seed },
  )
}, 300_000)

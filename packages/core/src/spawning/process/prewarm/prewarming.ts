import { quote } from '../../../errors.js'
import type { SpawnContext } from '../../spawner.js'
import type { ProcessInstance } from '../process-instance.js'
import type { ProcessRun } from '../run.js'
import { planInstance, startInstance, type StartParts } from '../started-instance.js'
import { readNodeCommand } from './node-command.js'
import type { Prewarm } from './prewarm-option.js'
import { type Recipe, recipeFor } from './recipe.js'
import { Refill } from './refill.js'
import { takenOverInstance } from './taken-over-instance.js'
import { WarmPool } from './warm-pool.js'

/** How many pools there are at most; the one that was used least recently makes room. */
const maxPools = 16
/** Of how many environments it is remembered what they ran last; the one that was started least recently is forgotten. */
const maxEnvironments = 10_000

/** Starts environments, some of them in a process that waits for that; see docs/warm-starts.md. */
export class Prewarming {
  readonly #pools = new Map<string, WarmPool>()
  /** The pool of each environment's latest run. */
  readonly #keys = new Map<string, string>()
  readonly #ending = new Set<Promise<void>>()
  readonly #refill: Refill

  /** @param waits - Called with the pid of each process that waits from now on. */
  constructor(waits: (pid: number) => void = () => {}) {
    this.#refill = new Refill(() => [...this.#pools.values()], waits)
  }

  /** As `startInstance`, in a process that waits for it where there is one. */
  async start(run: ProcessRun, context: SpawnContext, parts: StartParts): Promise<ProcessInstance> {
    const over = this.#refill.startBegins({
      gatewayRun: parts.gatewayRun,
      table: parts.table,
      maxLineBytes: parts.options.maxLogLineBytes,
    })
    try {
      const instance = await this.#start(run, context, parts)
      void instance.started.then(over)
      return instance
    } catch (error) {
      over()
      throw error
    }
  }

  /** Until no waiting process is left. */
  async close(): Promise<void> {
    const filled = this.#refill.close()
    for (const key of this.#pools.keys()) this.#endPool(key)
    await filled
    await Promise.all(this.#ending)
  }

  async #start(
    run: ProcessRun,
    context: SpawnContext,
    parts: StartParts,
  ): Promise<ProcessInstance> {
    const { prewarm } = run
    const recipe = prewarm ? recipeOf(run, prewarm, context, parts) : undefined
    const pool = this.#use(context, recipe, prewarm?.size ?? 1)
    const reasons: string[] = typeof recipe === 'string' ? [recipe] : []
    if (pool?.failure) reasons.push(pool.failure)
    const instance = pool && (await takeOne(pool, run, context, parts, reasons))
    if (instance) return instance
    return startUsually(run, context, parts, prewarm && reasons)
  }

  /** Notes what an environment runs now; a pool that no environment's latest run could use is ended. */
  #use(
    { gateway, id }: SpawnContext,
    recipe: Recipe | string | undefined,
    size: number,
  ): WarmPool | undefined {
    const name = `${gateway} ${id}`
    const before = this.#keys.get(name)
    const key = typeof recipe === 'object' ? recipe.key : undefined
    this.#keys.delete(name)
    if (key !== undefined) this.#keys.set(name, key)
    if (this.#keys.size > maxEnvironments) this.#keys.delete(this.#keys.keys().next().value ?? '')
    if (before !== undefined && before !== key && ![...this.#keys.values()].includes(before)) {
      this.#endPool(before)
    }
    if (typeof recipe !== 'object') return undefined
    const pool = this.#pools.get(recipe.key) ?? new WarmPool(recipe, () => this.#refill.look())
    // The latest one last.
    this.#pools.delete(recipe.key)
    this.#pools.set(recipe.key, pool)
    for (const oldest of this.#pools.keys()) {
      if (this.#pools.size <= maxPools) break
      this.#endPool(oldest)
    }
    pool.use(recipe, size)
    return pool
  }

  #endPool(key: string): void {
    const ending = this.#pools.get(key)?.end()
    this.#pools.delete(key)
    if (!ending) return
    this.#ending.add(ending)
    void ending.finally(() => this.#ending.delete(ending))
  }
}

function recipeOf(
  run: ProcessRun,
  prewarm: Prewarm,
  context: SpawnContext,
  parts: StartParts,
): Recipe | string {
  // The port is none that a recipe depends on.
  const { command, variables } = planInstance(run, context, parts, { name: '', token: '' })
  const read = readNodeCommand(command)
  if (typeof read === 'string') return read
  return recipeFor({
    command: read,
    prewarm,
    cwd: run.cwd,
    inheritEnv: parts.options.inheritEnv,
    variables,
  })
}

/** The instance in the first process that can be its; what is in the way of others is added to `reasons`. */
async function takeOne(
  pool: WarmPool,
  run: ProcessRun,
  context: SpawnContext,
  parts: StartParts,
  reasons: string[],
): Promise<ProcessInstance | undefined> {
  for (const process of pool.waiting()) {
    const { name, tree, recipe, pid } = process
    const plan = planInstance(run, context, parts, { name, token: tree.root.token })
    const command = readNodeCommand(plan.command)
    const differing = process.differing(plan.variables)
    // Another start may have been faster while the one before was tried.
    if (typeof command === 'string' || !process.isReady) continue
    if (differing.length > 0) {
      reasons.push(
        `a module has read ${namesOf(differing)} as it was loaded, and its value is another`,
      )
      continue
    }
    pool.take(process)
    // eslint-disable-next-line no-await-in-loop -- the next one only where this one is of no use
    const taken = await takenOverInstance(plan, command, process, parts.gatewayRun)
    if (typeof taken === 'string') {
      reasons.push(taken)
      continue
    }
    const loaded = recipe.preload.join(', ') || 'no modules'
    const text = `process ${pid}, which had loaded ${loaded}, was taken over`
    context.progress({ phase: 'prewarmed', text })
    return taken
  }
  return undefined
}

/** They are what a module has asked for. */
function namesOf(variables: readonly string[]): string {
  const names = variables.slice(0, 5).map(quote).join(', ')
  return variables.length > 5 ? `${names}, …` : names
}

/** @param reasons - Why it is not prewarmed, where it was to be. */
async function startUsually(
  run: ProcessRun,
  context: SpawnContext,
  parts: StartParts,
  reasons: readonly string[] | undefined,
): Promise<ProcessInstance> {
  const instance = await startInstance(run, context, parts)
  context.progress({ phase: 'spawned', text: `process ${instance.handle.pid} was started` })
  if (!reasons) return instance
  const [reason] = reasons
  context.progress({ phase: 'not-prewarmed', text: reason ?? 'no process waits for it yet' })
  if (reason !== undefined) instance.output.add(`alcove: not prewarmed: ${reason}`)
  return instance
}

import { unlessAborted } from '../abort.js'
import type { EnvironmentId } from '../environment/id.js'
import { type Policy, type Spec, specHash } from '../environment/spec.js'
import {
  AlcoveError,
  EnvironmentNotFoundError,
  HookFailedError,
  InvalidOptionError,
  UnsupportedError,
} from '../errors.js'
import type { InstancePlan } from '../instance/plan.js'
import type { GuardedSpawner } from '../spawning/guarded-spawner.js'
import { inMebibytes } from './memory-budget.js'
import { checkSpec, mergePolicy, type ResolvedManagerOptions } from './options.js'

/** What is asked to be run, and for whom. */
export interface PlanRequest {
  readonly id: EnvironmentId
  /** In the place of what `specFor` says. */
  readonly spec: Spec | undefined
  readonly owner: string | undefined
  readonly template: string | undefined
}

/** What a plan is made from. */
export interface PlanningContext {
  readonly options: ResolvedManagerOptions
  readonly spawners: ReadonlyMap<string, GuardedSpawner>
}

/** A plan, and who is to carry it out. */
export interface Planned {
  readonly plan: InstancePlan
  readonly spawner: GuardedSpawner
}

/**
 * Makes a plan of a spec.
 *
 * @throws {@link EnvironmentNotFoundError}, {@link InvalidOptionError}, {@link HookFailedError}, {@link UnsupportedError}, or what the
 *   spawner says of what it can't run.
 */
export async function planFor(
  request: PlanRequest,
  context: PlanningContext,
  signal: AbortSignal,
): Promise<Planned> {
  const { id } = request
  const spec = request.spec ?? (await askSpecFor(request, context, signal))
  if (!spec) throw new EnvironmentNotFoundError(id)
  checkSpec(id, spec)
  const { spawners, options } = context
  const name = spec.spawner ?? options.defaultSpawner
  const spawner = spawners.get(name)
  if (!spawner) {
    throw new InvalidOptionError(
      `The spec of environment "${id}" names the spawner "${name}", and there is ${[...spawners.keys()].map((known) => `"${known}"`).join(', ')}; name one of these, or add it to \`spawner\``,
      { id },
    )
  }
  await spawner.check(spec.run, id)
  return {
    spawner,
    plan: {
      run: spec.run,
      spawnerName: name,
      owner: request.owner ?? spec.owner ?? id,
      specHash: specHash(name, spec.run),
      memoryBytes: memoryOf(id, spec, options.memoryBudgetBytes),
      prepare: spec.prepare,
      policy: await policyOf(id, spec, spawner, options.policy),
    },
  }
}

/** @throws {@link UnsupportedError} where it would never fit */
function memoryOf(id: EnvironmentId, { memoryBytes = 0 }: Spec, budgetBytes: number): number {
  if (memoryBytes <= budgetBytes) return memoryBytes
  throw new UnsupportedError(
    `The spec of environment "${id}" declares ${inMebibytes(memoryBytes)} MiB in \`memoryBytes\`, and this gateway has ${inMebibytes(budgetBytes)} MiB in all; declare less, or raise \`memoryBudgetBytes\``,
    { id },
  )
}

/** @throws {@link UnsupportedError} where the spec itself asks for what its spawner can't do */
async function policyOf(
  id: EnvironmentId,
  spec: Spec,
  spawner: GuardedSpawner,
  ofAll: Policy,
): Promise<Policy> {
  const policy = mergePolicy(ofAll, spec.policy)
  if (policy.suspendAfterMs === Number.POSITIVE_INFINITY) return policy
  const { suspend } = await spawner.capabilities()
  if (suspend) return policy
  if (spec.policy?.suspendAfterMs !== undefined) {
    throw new UnsupportedError(
      `The spec of environment "${id}" sets \`suspendAfterMs\`, and the spawner "${spawner.name}" can't suspend; leave it out, or name another spawner`,
      { id },
    )
  }
  // That of all is for those of which it can be said.
  return mergePolicy(policy, { suspendAfterMs: Number.POSITIVE_INFINITY })
}

async function askSpecFor(
  { id, template }: PlanRequest,
  { options }: PlanningContext,
  signal: AbortSignal,
): Promise<Spec | undefined> {
  try {
    const found = options.specFor?.({ id, signal, ...(template !== undefined && { template }) })
    return await unlessAborted(Promise.resolve(found), signal)
  } catch (error) {
    if (error instanceof AlcoveError || signal.aborted) throw error
    throw new HookFailedError(`\`specFor\` failed for environment "${id}"`, { id, cause: error })
  }
}

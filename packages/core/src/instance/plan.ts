import type { Preparation } from '../environment/preparation.js'
import type { Json, Policy } from '../environment/spec.js'

/** A spec with nothing left open: what one instance runs, for whom, and how long it may take. */
export interface InstancePlan {
  readonly run: Json
  readonly spawnerName: string
  readonly owner: string
  readonly specHash: string
  readonly policy: Policy
  readonly memoryBytes: number
  readonly prepare: Preparation | undefined
}

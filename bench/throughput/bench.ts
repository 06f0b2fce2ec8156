import type { Cores } from '../load/cores.ts'
import type { Upstream } from '../load/upstream.ts'
import type { Fleet } from './fleet.ts'

/** What all sections of a run share. */
export interface Bench {
  readonly cores: Cores
  readonly upstream: Upstream
  readonly fleet: Fleet
  /** How many slices each row gets. */
  readonly rounds: number
  readonly isQuick: boolean
  /** How long environments are left alone before they count as idle: longer than connections to them are kept. */
  readonly idleSeconds: number
  /** The median rates of small answers, by row, once they are measured. */
  readonly rates: Map<string, number>
  readonly random: () => number
  /** Aborts when the run is interrupted. */
  readonly signal: AbortSignal
  /** Says what is being done, where somebody looks on. */
  progress(what: string): void
}

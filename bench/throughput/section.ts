import type { Estimate } from '../statistics.ts'
import type { Bench } from './bench.ts'
import type { TableColumns } from './table.ts'

/** A part of the benchmark that stands for itself. */
export interface Section {
  /** As `--only` takes it. */
  readonly name: string
  measure(bench: Bench): Promise<SectionResult>
}

/** Two rows, and by how much they are to differ. */
export interface Comparison {
  /** What is asked, in words: `small answers / fast-proxy`. */
  readonly what: string
  readonly judged: string
  readonly compared: string
  /** @default none: for information */
  readonly target?: Target
}

/** What a ratio is to be: its interval has to be on the right side, for `within` the value itself. */
export type Target =
  | { readonly atLeast: number; readonly aim?: number }
  | { readonly atMost: number }
  | { readonly within: readonly [number, number] }

export interface Verdict extends Comparison {
  readonly ratio: Estimate
}

export interface SectionResult {
  readonly title: string
  readonly table: TableColumns
  readonly verdicts: readonly Verdict[]
  /** What goes into the file of results beside the verdicts. */
  readonly figures: object
}

/** Whether a ratio is what it is to be; `undefined` where it is for information. */
export function isMet({ target, ratio }: Pick<Verdict, 'target' | 'ratio'>): boolean | undefined {
  if (target === undefined) return undefined
  if ('atLeast' in target) return ratio.low >= target.atLeast
  if ('atMost' in target) return ratio.high <= target.atMost
  const [least, most] = target.within
  return ratio.value >= least && ratio.value <= most
}

/** Whether what has to be the same is not, so that nothing else says anything. */
export function isVoid(verdict: Pick<Verdict, 'target' | 'ratio'>): boolean {
  return verdict.target !== undefined && 'within' in verdict.target && isMet(verdict) === false
}

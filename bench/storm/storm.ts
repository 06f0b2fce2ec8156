/** As many first requests at once, for as many environments that do not run. */
export interface Storm {
  readonly environments: number
  /** For each of them. */
  readonly requests: number
  /** How many programs may be starting at a time. */
  readonly concurrency: number
}

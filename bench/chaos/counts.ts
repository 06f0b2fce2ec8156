/** How often each has happened. */
export type Counts = Map<string, number>

export function countIn(counts: Counts, what: string): void {
  counts.set(what, (counts.get(what) ?? 0) + 1)
}

/** The most frequent first. */
export function sorted(counts: ReadonlyMap<string, number>): [string, number][] {
  return [...counts].sort(([, one], [, other]) => other - one)
}

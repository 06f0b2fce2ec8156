/** How failures in a row are spaced. All durations are in milliseconds. */
export interface BackOffPolicy {
  readonly initialBackOffMs: number
  readonly maxBackOffMs: number
  readonly maxConsecutiveFailures: number
}

/**
 * How long to wait after so many failures in a row: doubled each time, up to the limit, less up to a quarter at random so
 * that environments that failed together do not come back together. `Infinity` once there were too many.
 */
export function backOffMs(
  consecutive: number,
  policy: BackOffPolicy,
  random: () => number = Math.random,
): number {
  if (consecutive >= policy.maxConsecutiveFailures) return Number.POSITIVE_INFINITY
  const wholeMs = Math.min(policy.maxBackOffMs, policy.initialBackOffMs * 2 ** (consecutive - 1))
  return wholeMs * (1 - random() / 4)
}

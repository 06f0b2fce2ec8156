import { type Estimate, quantile } from '../statistics.ts'

/**
 * The ratio of a statistic of two phases that were taken in turns, with its interval by the percentile bootstrap. Whole rounds
 * are drawn, of both phases the same ones: within a round nothing is independent of the rest, since a flood that stalls
 * stalls them all.
 */
export function ratioOfRounds<Round>(
  judged: readonly Round[],
  compared: readonly Round[],
  statistic: (rounds: readonly Round[]) => number,
  random: () => number,
  { resamples = 1000, confidence = 0.95 } = {},
): Estimate {
  if (judged.length !== compared.length) {
    throw new RangeError(
      `Expected as many rounds of both, got ${judged.length}, ${compared.length}`,
    )
  }
  const ratio = (which: readonly number[]): number =>
    statistic(pick(judged, which)) / statistic(pick(compared, which))
  const all = judged.map((_, index) => index)
  const draw = (): number => Math.floor(random() * all.length)
  const ratios = Array.from({ length: resamples }, () => ratio(all.map(draw)))
  const outside = (1 - confidence) / 2
  return {
    value: ratio(all),
    low: quantile(ratios, outside),
    high: quantile(ratios, 1 - outside),
  }
}

function pick<Round>(rounds: readonly Round[], which: readonly number[]): readonly Round[] {
  return which.flatMap((index) => rounds.slice(index, index + 1))
}

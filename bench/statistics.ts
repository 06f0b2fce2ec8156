/** A value and the interval that holds it with some confidence. */
export interface Estimate {
  readonly value: number
  readonly low: number
  readonly high: number
}

/**
 * The value below which a share of the sample lies, interpolated between its neighbours (type 7 of Hyndman and Fan, which
 * most statistics programs use).
 *
 * @param share - 0.5: the median.
 */
export function quantile(sample: readonly number[], share: number): number {
  if (sample.length === 0) throw new RangeError('Expected a sample with at least one value')
  if (!(share >= 0 && share <= 1))
    throw new RangeError(`Expected a share from 0 to 1, got ${share}`)
  const sorted = [...sample].sort((a, b) => a - b)
  const position = (sorted.length - 1) * share
  const below = sorted[Math.floor(position)] ?? Number.NaN
  const above = sorted[Math.ceil(position)] ?? Number.NaN
  return below + (above - below) * (position % 1)
}

export const median = (sample: readonly number[]): number => quantile(sample, 0.5)

/**
 * The ratio of the medians of two samples that were taken in turns, with its interval by the percentile bootstrap. Whole
 * rounds are drawn, since what slows a round down slows both of its values.
 *
 * @param rounds - Pairs: what is judged, and what it is compared with.
 */
export function ratioOfMedians(
  rounds: readonly (readonly [number, number])[],
  random: () => number,
  { resamples = 10_000, confidence = 0.95 } = {},
): Estimate {
  const ratio = (drawn: readonly (readonly [number, number])[]): number =>
    median(drawn.map(([judged]) => judged)) / median(drawn.map(([, compared]) => compared))
  const draw = (): readonly [number, number] => {
    const round = rounds[Math.floor(random() * rounds.length)]
    if (round === undefined) throw new RangeError('Expected at least one round')
    return round
  }
  const ratios = Array.from({ length: resamples }, () => ratio(rounds.map(draw)))
  const outside = (1 - confidence) / 2
  return {
    value: ratio(rounds),
    low: quantile(ratios, outside),
    high: quantile(ratios, 1 - outside),
  }
}

/** The same values in an order that each has the same chance to be (Fisher and Yates). */
export function shuffled<Value>(values: readonly Value[], random: () => number): readonly Value[] {
  const left = [...values]
  return values.flatMap(() => left.splice(Math.floor(random() * left.length), 1))
}

/** Numbers from 0 to below 1, the same for the same seed (Mulberry32, by Tommy Ettinger, public domain). */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

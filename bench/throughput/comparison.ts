import { median, quantile, ratioOfMedians } from '../statistics.ts'
import type { Comparison, Verdict } from './section.ts'
import type { Measured } from './slices.ts'
import type { TableColumns } from './table.ts'

/** Requests per second of one row against another's of the same round. */
export function compare(
  measured: Measured,
  comparisons: readonly Comparison[],
  random: () => number,
): readonly Verdict[] {
  return comparisons.map((comparison) => {
    const judged = perSecond(measured, comparison.judged)
    const compared = perSecond(measured, comparison.compared)
    const rounds = judged.map((value, round) => [value, compared[round] ?? Number.NaN] as const)
    return { ...comparison, ratio: ratioOfMedians(rounds, random) }
  })
}

/** The row that answered most, of some. */
export function fastest(measured: Measured, names: readonly string[]): string {
  return names.reduce((best, name) =>
    median(perSecond(measured, name)) > median(perSecond(measured, best)) ? name : best,
  )
}

export function slicesTable(measured: Measured): TableColumns {
  return {
    titles: ['gateway', 'requests/s', 'p25 to p75', 'of its core'],
    lines: [...measured].map(([name, slices]) => {
      const rates = perSecond(measured, name)
      const [low, middle, high] = [0.25, 0.5, 0.75].map((share) => count(quantile(rates, share)))
      const busy = median(slices.map((slice) => slice.busy))
      return [name, middle ?? '', `${low} to ${high}`, `${Math.round(busy * 100)} %`]
    }),
  }
}

/** As the file of results has them. */
export function figuresOf(measured: Measured): object {
  return Object.fromEntries(
    [...measured].map(([name, slices]) => [
      name,
      {
        median: median(perSecond(measured, name)),
        busy: median(slices.map((slice) => slice.busy)),
        requestsPerSecond: perSecond(measured, name),
      },
    ]),
  )
}

export function perSecond(measured: Measured, name: string): readonly number[] {
  const slices = measured.get(name)
  if (slices === undefined) throw new Error(`There is no row ${name}`)
  return slices.map(({ requestsPerSecond }) => requestsPerSecond)
}

const count = (value: number): string => Math.round(value).toLocaleString('en')

import { type Estimate, median, ratioOfMedians, seededRandom } from '../../bench/statistics.ts'
import type { Front } from './client.ts'
import type { Direction } from './transfer.ts'

/** How much more of its memory 4 GiB may take than 1 GiB. */
export const mostMoreMib = 16

/** A gateway's growth at its peak, above what it was before anything large was transferred. */
export interface Round {
  /** During 1 GiB. */
  readonly littleMib: number
  /** During 4 GiB. */
  readonly muchMib: number
  readonly seconds: number
}

/** One kind of transfer through one proxy. */
export interface Series {
  readonly proxy: 'alcove' | 'http-proxy'
  readonly front: Front
  readonly direction: Direction
  readonly rounds: Round[]
}

/** What is judged of a {@link Series}. */
export interface Verdict {
  readonly series: Series
  readonly moreMib: number
  readonly growsNoMore: boolean
  /** The growth during 4 GiB compared with http-proxy's, where that was measured. */
  readonly ratio: Estimate | undefined
  readonly isNoMoreThanPeer: boolean
}

export const isMet = (verdict: Verdict): boolean => verdict.growsNoMore && verdict.isNoMoreThanPeer

/** By how much the growth of one and the same proxy differs from round to round, since it is chance when V8 collects. */
const resolution = 1.1

/**
 * Compares medians with the bound. More than http-proxy is what is more for certain: where all of the interval is, and by more than
 * what can be told apart.
 */
export function judge(all: readonly Series[]): readonly Verdict[] {
  const random = seededRandom(1)
  return all
    .filter(({ proxy }) => proxy === 'alcove')
    .map((series) => {
      const moreMib = median(series.rounds.map(({ littleMib, muchMib }) => muchMib - littleMib))
      const peer = all.find(
        ({ proxy, front, direction }) =>
          proxy === 'http-proxy' && front === series.front && direction === series.direction,
      )
      const ratio = peer && ratioOfMedians(pairs(series, peer), random)
      return {
        series,
        moreMib,
        growsNoMore: moreMib <= mostMoreMib,
        ratio,
        isNoMoreThanPeer: ratio === undefined || ratio.low <= resolution,
      }
    })
}

function pairs(series: Series, peer: Series): readonly (readonly [number, number])[] {
  return series.rounds.map(({ muchMib }, i) => {
    const beside = peer.rounds[i]
    if (beside === undefined) throw new Error(`${peer.proxy} has fewer rounds`)
    return [muchMib, beside.muchMib]
  })
}

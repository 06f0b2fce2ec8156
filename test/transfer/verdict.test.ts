import { describe, expect, it } from 'vitest'
import { report } from './report.ts'
import { judge, type Series } from './verdict.ts'

/** Growth during 4 GiB in each round; during 1 GiB, 60 MiB. */
const series = (proxy: Series['proxy'], ...growthsMib: readonly number[]): Series => ({
  proxy,
  front: 'http1',
  direction: 'download',
  rounds: growthsMib.map((muchMib) => ({ littleMib: 60, muchMib, seconds: 1 })),
})

describe('the verdict on 4 GiB', () => {
  it('is good where the growth is that of 1 GiB, and no more than the peer’s', () => {
    const all = [series('alcove', 62, 99, 70), series('http-proxy', 75, 70, 80)]
    const verdicts = judge(all)
    expect(verdicts).toMatchObject([{ moreMib: 10, growsNoMore: true, isNoMoreThanPeer: true }])
    expect(report(all, verdicts)).not.toContain('MISSED')
  })

  it('is bad where it leaks', () => {
    const all = [series('alcove', 77, 78, 60), series('http-proxy', 90, 90, 90)]
    const verdicts = judge(all)
    expect(verdicts).toMatchObject([{ moreMib: 17, growsNoMore: false, isNoMoreThanPeer: true }])
    expect(report(all, verdicts)).toContain('at most 16: MISSED')
  })

  it('is good where it is the peer’s, as far as can be told', () => {
    for (const growths of [
      [70, 71, 72],
      [76, 60, 76],
      [65, 66, 67],
    ]) {
      const all = [series('alcove', ...growths), series('http-proxy', 66, 66, 66)]
      expect(judge(all)).toMatchObject([{ growsNoMore: true, isNoMoreThanPeer: true }])
    }
  })

  it('is bad where it is more than the peer’s in all rounds', () => {
    const all = [series('alcove', 74, 75, 76), series('http-proxy', 65, 66, 64)]
    const verdicts = judge(all)
    expect(verdicts).toMatchObject([{ growsNoMore: true, isNoMoreThanPeer: false }])
    expect(report(all, verdicts)).toContain('no more: MISSED')
  })
})

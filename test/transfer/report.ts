import { median } from '../../bench/statistics.ts'
import { mostMoreMib, type Round, type Series, type Verdict } from './verdict.ts'

const columns = [-12, -10, -17, 6, 8, 12, 9, 8]

/** What was measured and how it is judged, as a table. */
export function report(all: readonly Series[], verdicts: readonly Verdict[]): string {
  const lines = [
    line('proxy', 'in front', 'direction', '1 GiB', '4 GiB', 'difference', 'seconds', 'rounds'),
    ...all.map(({ proxy, front, direction, rounds }) => {
      const of = (pick: (round: Round) => number): string => median(rounds.map(pick)).toFixed(1)
      return line(
        proxy,
        front === 'http1' ? 'HTTP/1.1' : 'HTTP/2',
        direction,
        of(({ littleMib }) => littleMib),
        of(({ muchMib }) => muchMib),
        of(({ littleMib, muchMib }) => muchMib - littleMib),
        of(({ seconds }) => seconds),
        String(rounds.length),
      )
    }),
    '',
    ...verdicts.flatMap(verdictLines),
  ]
  return `${lines.join('\n')}\n`
}

function verdictLines({
  series: { front, direction },
  moreMib,
  growsNoMore,
  ratio,
  isNoMoreThanPeer,
}: Verdict): readonly string[] {
  const what = `${front === 'http1' ? 'HTTP/1.1' : 'HTTP/2'} ${direction}:`.padEnd(26)
  const lines = [
    `${what}4 GiB take ${moreMib.toFixed(1)} MiB more than 1 GiB, at most ${mostMoreMib}: ${word(growsNoMore)}`,
  ]
  if (ratio) {
    const interval = `${ratio.low.toFixed(2)} to ${ratio.high.toFixed(2)}`
    lines.push(
      `${what}4 GiB take ${ratio.value.toFixed(2)} times what http-proxy takes (95 %: ${interval}), no more: ${word(isNoMoreThanPeer)}`,
    )
  }
  return lines
}

const word = (isMet: boolean): string => (isMet ? 'met' : 'MISSED')

function line(...cells: readonly string[]): string {
  return cells
    .map((cell, i) => {
      const width = columns[i] ?? 0
      return width < 0 ? cell.padEnd(-width) : cell.padStart(width)
    })
    .join('')
}

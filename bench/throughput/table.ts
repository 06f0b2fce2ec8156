import type { Estimate } from '../statistics.ts'
import { isMet, type Target, type Verdict } from './section.ts'

/** Titles, and below them the cells of each line. */
export interface TableColumns {
  readonly titles: readonly string[]
  readonly lines: readonly (readonly string[])[]
}

/** A table as text: the first column to the left, the others to the right, as figures stand. */
export function tableText({ titles, lines }: TableColumns): string {
  const all = [titles, ...lines]
  const widths = titles.map((_, column) =>
    Math.max(...all.map((line) => line[column]?.length ?? 0)),
  )
  const cell = (text: string, column: number): string =>
    column === 0 ? text.padEnd(widths[0] ?? 0) : text.padStart(widths[column] ?? 0)
  return all.map((line) => line.map(cell).join('  ').trimEnd()).join('\n')
}

/** The ratios, their targets, and whether they are met. */
export function verdictTable(verdicts: readonly Verdict[]): TableColumns {
  return {
    titles: ['ratio', 'value', '95 %', 'target', ''],
    lines: verdicts.map((verdict) => [
      verdict.what,
      verdict.ratio.value.toFixed(3),
      interval(verdict.ratio),
      verdict.target === undefined ? '' : targetText(verdict.target),
      verdictText(verdict),
    ]),
  }
}

const interval = ({ low, high }: Estimate): string => `${low.toFixed(3)} to ${high.toFixed(3)}`

function targetText(target: Target): string {
  if ('atMost' in target) return `at most ${target.atMost}`
  if ('within' in target) return target.within.join(' to ')
  return `at least ${target.atLeast}${target.aim === undefined ? '' : ` (aim ${target.aim})`}`
}

function verdictText(verdict: Verdict): string {
  const met = isMet(verdict)
  if (met === undefined) return ''
  const { target } = verdict
  if (!met) return target && 'within' in target ? 'VOID' : 'MISSED'
  const aim = target && 'aim' in target ? target.aim : undefined
  return aim !== undefined && verdict.ratio.low >= aim ? 'met, and the aim' : 'met'
}

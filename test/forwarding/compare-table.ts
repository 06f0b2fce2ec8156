import type { Result, Score } from './compare-run.ts'
import type { Section } from './subject.ts'

const sections: readonly Section[] = [
  'headers',
  'framing',
  'streaming',
  'targets',
  'upgrades',
  'failures',
]

/** Columns of settings: what is in front, and what behind. */
const settings: readonly (readonly [title: string, has: (result: Result) => boolean])[] = [
  ['HTTP/1.1, TCP', ({ front, target }) => front === 'http1' && target === 'tcp'],
  ['HTTP/1.1, Unix socket', ({ front, target }) => front === 'http1' && target === 'unix'],
  ['HTTP/2, TCP', ({ front }) => front === 'http2'],
]

/** Those in which nothing else is right. */
function demanded({ results }: Score): readonly Result[] {
  return results.filter((result) => result.optional === undefined)
}

/** Those in which something else is right as well. */
function optional({ results }: Score): readonly Result[] {
  return results.filter((result) => result.optional !== undefined)
}

/**
 * How many of the cases that each was asked it has passed, by what is in front and behind. Those in which something else is
 * right as well stand by themselves.
 */
export function settingsTable(scores: readonly Score[]): string {
  return table(
    ['', 'version', ...settings.map(([title]) => title), 'all', 'optional', 'crashes'],
    scores.map((score) => [
      score.name,
      score.missing ?? score.version ?? '',
      ...settings.map(([, has]) => passedOf(demanded(score).filter(has))),
      `${passedOf(demanded(score))}${percent(demanded(score))}`,
      passedOf(optional(score)),
      score.results.length === 0
        ? '–'
        : String(score.results.filter(({ outcome }) => outcome.is === 'crashed').length),
    ]),
  )
}

/** The same by section, without those in which something else is right as well. */
export function sectionsTable(scores: readonly Score[]): string {
  return table(
    ['', ...sections],
    scores.map((score) => [
      score.name,
      ...sections.map((section) =>
        passedOf(demanded(score).filter((result) => result.section === section)),
      ),
    ]),
  )
}

/** What a contestant was not asked, and each case that it failed, with the reason. */
export function failuresOf({ name, without = {}, results }: Score): string[] {
  const lines = Object.entries(without).map(([section, why]) => `  ${section}: not asked, ${why}`)
  for (const { section, case: title, front, target, outcome, optional: why } of results) {
    if (outcome.is === 'passed') continue
    const crash = outcome.is === 'crashed' ? 'crashed: ' : ''
    lines.push(`  ${section}: ${title} (${front}, ${target})`, `    ${crash}${outcome.reason}`)
    if (why !== undefined) lines.push(`    optional: ${why}`)
  }
  return lines.length > 0 ? [`${name}:`, ...lines] : []
}

/** The one line that the comparison ends with. */
export function verdict(alcove: readonly Score[]): string {
  const results = alcove.flatMap((score) => score.results)
  const failed = results.length - passed(results)
  return failed === 0
    ? `Alcove passes all of ${results.length}.`
    : `Alcove fails ${failed} of ${results.length}.`
}

function passed(results: readonly Result[]): number {
  return results.filter(({ outcome }) => outcome.is === 'passed').length
}

function passedOf(results: readonly Result[]): string {
  return results.length === 0 ? '–' : `${passed(results)}/${results.length}`
}

/** Never 100 % where one has failed. */
function percent(results: readonly Result[]): string {
  if (results.length === 0) return ''
  return ` (${Math.floor((passed(results) / results.length) * 100)} %)`
}

/** A table in Markdown, in columns that a terminal shows as well. */
function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((title, column) =>
    Math.max(3, title.length, ...rows.map((row) => (row[column] ?? '').length)),
  )
  const line = (cells: readonly string[]): string =>
    `| ${cells
      .map((cell, column) =>
        column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0),
      )
      .join(' | ')} |`
  const rule = widths.map((width, column) =>
    column === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`,
  )
  return [line(head), line(rule), ...rows.map(line)].join('\n')
}

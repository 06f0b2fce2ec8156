import { okPerSecond, sum } from './floods/flood.ts'
import type { FloodKind } from './floods/index.ts'
import type { Chunk } from './measurement.ts'
import { type Judgement, type Phases, quietLatency, valueOf } from './verdict.ts'

/** What one flood has shown, as a table, and its targets. */
export function report(
  { letter, what }: Pick<FloodKind, 'letter' | 'what'>,
  phases: Phases,
  judgements: readonly Judgement[],
): string {
  const head = [
    `(${letter}) ${what}`,
    'quiet p50',
    'p99 ms',
    'max',
    'client late p99',
    'failed',
    'flooded 2xx/s',
    'refused/s',
    'cut/s',
    'sent/s',
    'attacked p99, max',
  ]
  const rows = [
    head,
    ...[...phases].map(([name, chunks]) => [label(name, chunks)].concat(figures(chunks))),
  ]
  return [...aligned(rows), '', ...judgements.map((its) => `  ${line(its)}`), ''].join('\n')
}

function label(name: string, chunks: readonly Chunk[]): string {
  const lost = chunks.filter(({ recovered }) => !recovered).length
  return lost === 0 ? name : `${name} (not calm within 5 s after ${lost} of ${chunks.length})`
}

function figures(chunks: readonly Chunk[]): readonly string[] {
  const ms = (share: number): string => quietLatency(chunks, share).toFixed(2)
  const floods = chunks.flatMap(({ flood }) => flood ?? [])
  const perSecond = (what: 'refused' | 'cut' | 'delivered'): string =>
    floods.some((its) => its[what] !== undefined)
      ? (sum(floods, what) / sum(floods, 'seconds')).toFixed(0)
      : ''
  return [
    ms(0.5),
    ms(0.99),
    ms(1),
    // The client's own part of it, in its worst round.
    Math.max(...chunks.map(({ quiet }) => quiet.lateMs)).toFixed(2),
    failures(chunks),
    floods.length > 0 ? okPerSecond(floods).toFixed(0) : '',
    perSecond('refused'),
    perSecond('cut'),
    perSecond('delivered'),
    attacked(chunks),
  ]
}

function failures(chunks: readonly Pick<Chunk, 'quiet'>[]): string {
  const counts = new Map<string, number>()
  for (const { quiet } of chunks) {
    for (const [what, count] of Object.entries(quiet.failures)) {
      counts.set(what, (counts.get(what) ?? 0) + count)
    }
  }
  return [...counts].map(([what, count]) => `${count} x ${what}`).join(', ') || '0'
}

function attacked(chunks: readonly Chunk[]): string {
  const theirs = chunks.flatMap((chunk) => (chunk.attacked ? { quiet: chunk.attacked } : []))
  if (theirs.length === 0) return ''
  const [p99, most] = [0.99, 1].map((share) => quietLatency(theirs, share).toFixed(1))
  const failed = failures(theirs)
  return `${p99}, ${most}${failed === '0' ? '' : ` (failed: ${failed})`}`
}

/** Names to the left, figures to the right. */
function aligned(rows: readonly (readonly string[])[]): readonly string[] {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  )
  return rows.map((row) =>
    row
      .map((cell, column) =>
        column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0),
      )
      .join('  ')
      .trimEnd(),
  )
}

function line({ what, bound, target, found, met }: Judgement): string {
  const value = valueOf(found)
  const digits = Number.isInteger(value) ? 0 : 2
  const interval =
    typeof found === 'number' ? '' : ` (${found.low.toFixed(2)} to ${found.high.toFixed(2)})`
  return `${what}: ${value.toFixed(digits)}${interval}, ${bound} ${target}: ${met ? 'met' : 'MISSED'}`
}

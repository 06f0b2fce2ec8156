import type { Case, Front, Section } from '../subject.ts'

/** Where a case of either version of HTTP can come up. */
export const both: readonly Front[] = ['http1', 'http2']
export const http1: readonly Front[] = ['http1']
export const http2: readonly Front[] = ['http2']

/** An answer that is over at once. */
export const ok = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'

/** Cases that share a section, a source and fronts. */
export function group(
  section: Section,
  source: string,
  fronts: readonly Front[],
  runs: Readonly<Record<string, Case['run']>>,
  more: Pick<Case, 'settings' | 'targets'> = {},
): Case[] {
  return Object.entries(runs).map(([name, run]) => {
    const { settings, targets } = more
    return { section, name, source, fronts, run, settings, targets }
  })
}

import { median } from '../statistics.ts'
import type { Bench } from './bench.ts'
import { compare, fastest, figuresOf, perSecond, slicesTable } from './comparison.ts'
import { socketGateway, twin } from './fleet.ts'
import type { Comparison, Section, SectionResult } from './section.ts'
import { measureSlices, type Row } from './slices.ts'

const nodePeers = [
  'http-proxy',
  'http-proxy-middleware',
  'http-proxy-3',
  'httpxy',
  'fast-proxy',
  'reply-from',
]

/** What is asked for. */
interface Workload {
  readonly title: string
  readonly path: string
  readonly script?: string
}

const small: Workload = { title: 'A GET that is answered with 27 bytes', path: '/' }
const large: Workload = {
  title: 'A GET that is answered with 100 KiB; the gateways in Node.js',
  path: '/100k',
}
const post: Workload = {
  title: 'A POST of 1 KiB, answered with 27 bytes; the fastest peers',
  path: '/post',
  script: 'post.lua',
}

/** 27 bytes: what a gateway itself costs. All gateways take part. */
export const smallAnswers: Section = {
  name: 'small',
  measure: (bench) =>
    measure(bench, small, [...bench.fleet.keys()], () => [
      ratio('A/A', twin, 'alcove', { within: [0.97, 1.03] }),
      ratio('alcove / fast-proxy', 'alcove', 'fast-proxy', { atLeast: 1.1, aim: 1.2 }),
      ratio('alcove / reply-from', 'alcove', 'reply-from', { atLeast: 1.35, aim: 1.45 }),
      ratio('alcove / nginx', 'alcove', 'nginx', { atLeast: 0.45, aim: 0.5 }),
      ratio('Express: alcove / http-proxy-middleware', 'alcove-express', 'http-proxy-middleware', {
        atLeast: 1.5,
      }),
      ratio('Unix socket / TCP', socketGateway, 'alcove', { atLeast: 1 }),
      ...['http-proxy', 'http-proxy-3', 'httpxy', 'haproxy'].map((peer) =>
        ratio(`alcove / ${peer}`, 'alcove', peer),
      ),
      ratio('Express / node:http', 'alcove-express', 'alcove'),
      ratio('Koa / node:http', 'alcove-koa', 'alcove'),
    ]),
}

/** 100 KiB: what a gateway does with bodies. The peers in Node.js alone, of which the best counts. */
export const largeAnswers: Section = {
  name: 'large',
  measure: (bench) =>
    measure(bench, large, ['alcove', ...nodePeers], (peer) => [
      ratio(`alcove / the best in Node.js (${peer})`, 'alcove', peer, { atLeast: 1.05 }),
    ]),
}

/** A POST of 1 KiB. The fastest peers only, since there is no target. */
export const posts: Section = {
  name: 'post',
  measure: (bench) => {
    const peers = ['httpxy', 'fast-proxy', 'reply-from', 'nginx']
    return measure(bench, post, ['alcove', ...peers], () =>
      peers.map((peer) => ratio(`alcove / ${peer}`, 'alcove', peer)),
    )
  },
}

async function measure(
  bench: Bench,
  workload: Workload,
  names: readonly string[],
  comparisonsWith: (bestNodePeer: string) => readonly Comparison[],
): Promise<SectionResult> {
  const rows = names.flatMap((name): readonly Row[] => {
    const gateways = bench.fleet.get(name)
    return gateways === undefined ? [] : [{ name, gateways, load: workload }]
  })
  const measured = await measureSlices(bench, rows)
  if (workload === small) {
    for (const name of measured.keys()) bench.rates.set(name, median(perSecond(measured, name)))
  }
  const peers = nodePeers.filter((name) => measured.has(name))
  const comparisons = comparisonsWith(peers.length === 0 ? '' : fastest(measured, peers))
  const both = comparisons.filter(
    ({ judged, compared }) => measured.has(judged) && measured.has(compared),
  )
  return {
    title: workload.title,
    table: slicesTable(measured),
    verdicts: compare(measured, both, bench.random),
    figures: figuresOf(measured),
  }
}

function ratio(
  what: string,
  judged: string,
  compared: string,
  target?: Comparison['target'],
): Comparison {
  return { what, judged, compared, ...(target && { target }) }
}

import { seededRandom } from '../statistics.ts'

export const kinds = [
  'small',
  'large',
  'chunked',
  'trickle',
  'echo',
  'digest',
  'events',
  'socket',
] as const
export type Kind = (typeof kinds)[number]

/** What a client asks, and how it behaves meanwhile. */
export interface Plan {
  /** By this alone, and the run's seed, it is made again. */
  readonly number: number
  readonly id: string
  readonly kind: Kind
  /** Of the content, in either direction. */
  readonly seed: number
  readonly bytes: number
  readonly pauseMs: number
  /** Over a socket that is read byte by byte, or with Node.js's own client. */
  readonly client: 'raw' | 'node'
  /** On a connection of its own, and not on one that has been used. */
  readonly fresh: boolean
  /** In how many parts an upload is sent. */
  readonly parts: number
  /** It leaves after so long. */
  readonly leavesAfterMs: number | undefined
  /** It does not read for so long, once an answer has begun. */
  readonly stopsReadingMs: number
}

const mebibyte = 1024 * 1024

/** The request with a number: the same for the same seed of a run. */
export function planOf(runSeed: number, number: number, ids: readonly string[]): Plan {
  const random = seededRandom(Math.imul(runSeed, 0x9e3779b1) ^ number)
  const upTo = (most: number): number => Math.floor(random() * most)
  // Some are asked for more than others.
  const id = ids[Math.floor(random() ** 2.5 * ids.length)] ?? ''
  const kind = kindOf(random())
  const size = random()
  const sizes: Record<Kind, number> = {
    small: 1 + Math.floor(size * 400),
    large: Math.floor((0.1 + size * 1.9) * mebibyte),
    chunked: Math.floor(1 + size * 0.3 * mebibyte),
    trickle: Math.floor(8 + size * 4_000),
    echo: Math.floor(1 + size * 0.5 * mebibyte),
    digest: Math.floor(1 + size * mebibyte),
    events: 2 + Math.floor(size * 40),
    socket: Math.floor(100 + size * 40_000),
  }
  return {
    number,
    id,
    kind,
    seed: upTo(2 ** 30),
    bytes: sizes[kind],
    pauseMs: kind === 'small' || kind === 'large' ? 0 : upTo(kind === 'trickle' ? 120 : 40),
    client: kind === 'socket' || random() < 0.5 ? 'raw' : 'node',
    fresh: kind === 'socket' || random() < 0.3,
    parts: 1 + upTo(6),
    leavesAfterMs: random() < 0.08 ? upTo(500) : undefined,
    stopsReadingMs: random() < 0.1 ? upTo(400) : 0,
  }
}

function kindOf(share: number): Kind {
  if (share < 0.4) return 'small'
  if (share < 0.5) return 'large'
  if (share < 0.62) return 'chunked'
  if (share < 0.7) return 'trickle'
  if (share < 0.78) return 'echo'
  if (share < 0.86) return 'digest'
  return share < 0.93 ? 'events' : 'socket'
}

/** Where it is asked for. */
export function targetOf({ kind, seed, bytes, pauseMs }: Plan): string {
  const path = kind === 'small' || kind === 'large' ? 'fixed' : kind
  return `/${path === 'trickle' ? 'fixed' : path}/${seed}/${bytes}/${pauseMs}`
}

export function isUpload({ kind }: Plan): boolean {
  return kind === 'echo' || kind === 'digest'
}

/** In one line, as far as another reader can make use of it. */
export function describePlan(plan: Plan): string {
  const { number, id, kind, client, fresh, leavesAfterMs } = plan
  const left = leavesAfterMs === undefined ? '' : `, leaves after ${leavesAfterMs} ms`
  return `request ${number} (${kind} ${targetOf(plan)} of ${id}, ${client}, ${fresh ? 'fresh' : 'kept'}${left})`
}

import type { Target } from '../gateways/index.ts'
import { startNginxUpstream } from './nginx-upstream.ts'
import { startNodeUpstream } from './node-upstream.ts'

/** What the gateways forward to: it answers as `content.ts` says. */
export interface Upstream extends AsyncDisposable {
  readonly tcp: Target
  readonly unix: Target
  /** How many connections it has accepted so far. */
  connectionCount(): Promise<number>
}

/**
 * The upstreams that there are; they share the core with the load. What environments run is most like the program of node:http, and so
 * it is the default: wrk gets some 65,000 answers a second from it there, so that it is never what a gateway in Node.js waits for.
 * nginx and HAProxy wait for it half of their time; with nginx as upstream (200,000 a second) they don't.
 */
export const upstreams = {
  nginx: startNginxUpstream,
  node: startNodeUpstream,
} as const satisfies Record<string, (core: number) => Promise<Upstream>>

export type UpstreamName = keyof typeof upstreams

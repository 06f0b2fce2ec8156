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
 * The upstreams that there are. They share the core with the load, and must not be what is waited for: wrk gets some 200,000
 * answers a second from nginx there, 165,000 from a program that writes the same bytes to whatever node:net reads, and 65,000 from
 * node:http, behind which nginx and HAProxy spend half of their time waiting. So nginx is the default, although what
 * environments run is more like the other.
 */
export const upstreams = {
  nginx: startNginxUpstream,
  node: startNodeUpstream,
} as const satisfies Record<string, (core: number) => Promise<Upstream>>

export type UpstreamName = keyof typeof upstreams

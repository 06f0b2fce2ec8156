import { caddy } from './caddy.ts'
import { haproxy } from './haproxy.ts'
import { nginx } from './nginx.ts'
import { nodePeers } from './node-peers.ts'
import type { Peer } from './peer.ts'

/** All that Alcove is compared with. */
export const peers: readonly Peer[] = [...nodePeers, nginx, haproxy, caddy]

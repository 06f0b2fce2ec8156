import { join } from 'node:path'
import { nodePeer } from './node-peer.ts'
import type { Peer } from './peer.ts'

const program = (name: string): string => join(import.meta.dirname, 'programs', `${name}.ts`)
const both = ['http1', 'http2'] as const
const targets = ['tcp', 'unix'] as const

/** The peers that run in Node.js. How each is set up, and why so, is written in its program. */
export const nodePeers: readonly Peer[] = [
  nodePeer({
    name: 'http-proxy',
    package: 'http-proxy',
    program: program('http-proxy'),
    // It takes the pseudo-headers of HTTP/2 for fields: any request ends in an uncaught TypeError.
    fronts: ['http1'],
    targets,
  }),
  nodePeer({
    name: 'http-proxy-middleware',
    package: 'http-proxy-middleware',
    program: program('http-proxy-middleware'),
    fronts: both,
    targets,
  }),
  nodePeer({
    name: 'http-proxy-3',
    package: 'http-proxy-3',
    program: program('http-proxy-3'),
    fronts: both,
    targets,
  }),
  nodePeer({
    name: 'httpxy',
    package: 'httpxy',
    program: program('httpxy'),
    fronts: both,
    targets,
  }),
  nodePeer({
    name: 'fast-proxy',
    package: 'fast-proxy',
    program: program('fast-proxy'),
    fronts: both,
    targets,
    without: { upgrades: 'it forwards no WebSockets' },
  }),
  nodePeer({
    name: '@fastify/reply-from',
    package: '@fastify/reply-from',
    program: program('fastify-reply-from'),
    fronts: both,
    targets,
    without: {
      upgrades: 'it forwards no WebSockets; @fastify/http-proxy, which stands on it, does',
    },
  }),
]

// @fastify/reply-from in Fastify 5, with the undici settings of its README. It adds X-Forwarded-Host alone, and is left at that: it
// would only get slower. A parser that hands bodies on: Fastify would parse them.
import { escape as escapeForQuery } from 'node:querystring'
import replyFrom from '@fastify/reply-from'
import fastify from 'fastify'
import { serveServer, setup, upstreamUrl } from './serve.ts'

const { upstream } = setup
const app = fastify()
await app.register(replyFrom, {
  base: upstream.kind === 'tcp' ? upstreamUrl : `unix+http://${escapeForQuery(upstream.path)}/`,
  undici: { connections: 128, pipelining: 1, keepAliveTimeout: 60_000 },
})
app.removeAllContentTypeParsers()
app.addContentTypeParser('*', (_request, payload, done) => done(null, payload))
app.all('/*', (request, reply) => reply.from(request.url))
await app.ready()
serveServer(app.server)

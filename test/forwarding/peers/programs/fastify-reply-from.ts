// @fastify/reply-from in Fastify 5. What is set, and why:
// - one parser for bodies of every type, which hands the stream on: Fastify parses JSON by itself, and refuses types that
//   it does not know (as @fastify/http-proxy does it, which stands on reply-from);
// - all methods that Node.js knows: Fastify takes eight of them by itself;
// - bodyLimit as high as it goes: Fastify refuses more than 1 MiB by default;
// - undici: no limit to a pause in an answer, and none to how long it takes to begin, unless a case sets one;
// - retriesCount 1: a connection that was kept and died is tried once more, and answers of 503 are not asked for again;
// - trustProxy for clients that are trusted, and rewriteRequestHeaders: it writes the target into Host, adds no X-Forwarded-*,
//   and has this hook for it.
import { METHODS } from 'node:http'
import { escape as escapeForQuery } from 'node:querystring'
import replyFrom from '@fastify/reply-from'
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import { dropUntrusted, reverseProxyFields } from './forwarding-fields.ts'
import { serve } from './serve.ts'

serve(async ({ front, target, settings }) => {
  const app = application(front === 'http2', settings.trustClient === true)
  const timeouts = { headersTimeout: settings.answerTimeoutMs ?? 0, bodyTimeout: 0 }
  await app.register(replyFrom, {
    base:
      target.kind === 'tcp'
        ? `http://${target.host}:${target.port}`
        : `unix+http://${escapeForQuery(target.path)}/`,
    undici: timeouts,
    destroyAgent: true,
  })
  for (const method of METHODS) {
    if (!app.supportedMethods.includes(method) && method !== 'CONNECT') {
      app.addHttpMethod(method, { hasBody: true })
    }
  }
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', (_request, payload, done) => done(null, payload))
  app.addHook('onRequest', (request, _reply, done) => {
    dropUntrusted(request.raw, settings)
    done()
  })
  const forward = (_request: FastifyRequest, reply: FastifyReply): FastifyReply =>
    reply.from(undefined, {
      retriesCount: 1,
      rewriteRequestHeaders: (request, headers) => reverseProxyFields(request.raw, headers),
    })
  app.all('/', forward)
  app.all('/*', forward)
  await app.ready()
  return { server: app.server, close: () => app.close() }
})

function application(http2: boolean, trustProxy: boolean): FastifyInstance {
  const options = { bodyLimit: Number.MAX_SAFE_INTEGER, trustProxy, forceCloseConnections: true }
  if (!http2) return fastify(options)
  // The same application; only the types of what it is given differ.
  return fastify({ ...options, http2 }) as unknown as FastifyInstance
}

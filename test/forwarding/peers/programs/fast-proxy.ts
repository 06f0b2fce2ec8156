// fast-proxy with undici, as its README recommends for speed. What is set, and why:
// - undici: no limit to a pause in an answer, and none to how long it takes to begin, unless a case sets one;
//   one request at a time on a connection;
// - rewriteRequestHeaders: it writes the target into Host, adds no X-Forwarded-* but -Host, and has this hook for it.
import fastProxy from 'fast-proxy'
import { dropUntrusted, reverseProxyFields } from './forwarding-fields.ts'
import { frontServer } from './front-server.ts'
import { serve } from './serve.ts'

serve(({ front, target, settings }) => {
  const { proxy, close } = fastProxy({
    base: target.kind === 'tcp' ? `http://${target.host}:${target.port}` : 'http://localhost',
    undici: {
      pipelining: 1,
      headersTimeout: settings.answerTimeoutMs ?? 0,
      bodyTimeout: 0,
      ...(target.kind === 'unix' ? { socketPath: target.path } : {}),
    },
  })
  const server = frontServer(front, (request, response) => {
    dropUntrusted(request, settings)
    proxy(request, response, request.url ?? '/', {
      rewriteRequestHeaders: reverseProxyFields,
    })
  })
  return { server, close }
})

// fast-proxy, as its README shows it. What is set, and why:
// - undici, which it recommends for speed, only before a socket, which its way through node:http does not know: with undici it
//   refuses each request with chunks, and passes fewer cases;
// - no limit to how long an answer takes to begin, unless a case sets one, and none to a pause in it;
// - rewriteRequestHeaders: it writes the target into Host, adds no X-Forwarded-* but -Host, and has this hook for it.
import fastProxy from 'fast-proxy'
import { dropUntrusted, reverseProxyFields } from './forwarding-fields.ts'
import { frontServer } from './front-server.ts'
import { serve } from './serve.ts'

serve(({ front, target, settings }) => {
  const { proxy, close } = fastProxy(
    target.kind === 'tcp'
      ? { base: `http://${target.host}:${target.port}` }
      : {
          base: 'http://localhost',
          undici: {
            socketPath: target.path,
            pipelining: 1,
            headersTimeout: settings.answerTimeoutMs ?? 0,
            bodyTimeout: 0,
          },
        },
  )
  const request =
    settings.answerTimeoutMs === undefined ? {} : { timeout: settings.answerTimeoutMs }
  const server = frontServer(front, (asked, response) => {
    dropUntrusted(asked, settings)
    proxy(asked, response, asked.url ?? '/', { request, rewriteRequestHeaders: reverseProxyFields })
  })
  return { server, close }
})

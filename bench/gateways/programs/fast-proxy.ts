// fast-proxy through undici, as its README recommends for speed. It adds X-Forwarded-Host alone, and is left at that: it would only
// get slower. One request at a time on each connection, and more connections than clients.
import fastProxy from 'fast-proxy'
import { serve, setup, upstreamUrl } from './serve.ts'

const { upstream } = setup
const { proxy } = fastProxy({
  base: upstreamUrl,
  undici: {
    connections: 128,
    pipelining: 1,
    ...(upstream.kind === 'unix' && { socketPath: upstream.path }),
  },
})
serve((request, response) => proxy(request, response, request.url ?? '/', {}))

// An environment with event streams: what is posted to a name goes out on the stream of that name.
import { createServer, type ServerResponse } from 'node:http'
import { text } from 'node:stream/consumers'

const streams = new Map<string, ServerResponse>()

const server = createServer((request, response) => {
  const { pathname, search } = new URL(request.url ?? '/', 'http://events')
  if (request.method === 'GET') {
    const after = request.headers['last-event-id'] ?? 'nothing'
    console.log('opened', pathname, 'after', after)
    if (after === 'the last') {
      // Do not come back: https://html.spec.whatwg.org/multipage/server-sent-events.html
      response.writeHead(204).end()
      return
    }
    streams.set(pathname, response)
    response.on('close', () => console.log('closed', pathname))
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' })
    response.flushHeaders()
  } else {
    void text(request).then((events) => {
      const stream = streams.get(pathname)
      if (search === '?and-die') stream?.destroy()
      else if (search === '?and-end') stream?.end(events)
      else stream?.write(events)
      response.end('sent')
    })
  }
})

server.listen(process.env['PORT'])

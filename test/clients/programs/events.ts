// An environment with event streams: what is posted to a path goes out on the stream of that path.
import { createServer } from 'node:http'
import { NamedStreams } from './named-streams.ts'

const streams = new NamedStreams()

const server = createServer((request, response) => {
  if (request.method === 'POST') {
    void streams.write(request, response)
    return
  }
  const after = request.headers['last-event-id'] ?? 'nothing'
  console.log('opened', request.url, 'after', after)
  // 204 is for "do not come back": https://html.spec.whatwg.org/multipage/server-sent-events.html
  if (after === 'the last') response.writeHead(204).end()
  else streams.open(request.url ?? '', response, 'text/event-stream')
})

server.listen(process.env['PORT'])

import { EventEmitter } from 'node:events'
import { createServer, type Server } from 'node:http'

/** What the environments of the adapters' suite run, and what it has seen of them. */
export interface ConformanceApp {
  /** The ids of the environments that were started. */
  readonly started: readonly string[]
  /** Tells `asked` with the path of each request, and `client left` when one is aborted. */
  readonly events: EventEmitter
  readonly make: (context: { readonly id: string }) => Server
}

/** An application that answers, echoes, streams, waits, and takes upgrades, which it echoes. */
export function conformanceApp(): ConformanceApp {
  const started: string[] = []
  const events = new EventEmitter()
  return {
    started,
    events,
    make({ id }) {
      started.push(id)
      const server = createServer((request, response) => {
        const path = request.url ?? '/'
        events.emit('asked', path)
        response.on('close', () => {
          if (!response.writableFinished) events.emit('client left')
        })
        if (path.startsWith('/status/')) {
          response.writeHead(Number(path.slice(8)), ['Set-Cookie', 'a=1', 'Set-Cookie', 'b=2'])
          response.end()
        } else if (path === '/echo') {
          request.pipe(response)
        } else if (path === '/events') {
          response.writeHead(200, { 'content-type': 'text/event-stream' })
          response.write('data: 1\n\n')
        } else if (path !== '/never') {
          response.end(`${id}: ${request.method} ${path}`)
        }
      })
      server.on('upgrade', (_request, socket) => {
        socket.on('error', () => {})
        socket.write(
          'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n',
        )
        socket.pipe(socket)
      })
      return server
    },
  }
}

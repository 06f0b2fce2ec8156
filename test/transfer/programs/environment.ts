// What is behind a gateway:
//   GET /<bytes>           that many of them; /chunked/<bytes> without a Content-Length; by an upgrade in one frame
//   POST /                 reads it all, and tells what it was
//   POST /stop             reads a little of it and then no more; by an upgrade too
//   GET /passed            how far the last answer has come
import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { count, frameHead, nothing, type Passed, pour } from '../content.ts'
import { listen } from './listen.ts'

let last = nothing()

const server = createServer((request, response) => {
  answer(request, response).catch(() => response.destroy())
})
server.on('upgrade', (request: IncomingMessage, socket: Duplex) => {
  upgrade(request, socket).catch(() => socket.destroy())
})
listen(server)

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const path = request.url ?? ''
  if (path === '/passed') {
    response.end(JSON.stringify(last))
  } else if (path === '/stop') {
    takeALittle(request)
  } else if (request.method === 'POST') {
    const passed = nothing()
    for await (const chunk of request) count(passed, chunk as Buffer)
    response.end(JSON.stringify(passed))
  } else {
    const bytes = bytesOf(path)
    if (!path.startsWith('/chunked/')) response.setHeader('content-length', bytes)
    await pour(response, bytes, begun())
    response.end()
  }
}

async function upgrade(request: IncomingMessage, socket: Duplex): Promise<void> {
  const path = request.url ?? ''
  socket.on('error', () => {})
  // RFC 6455 §4.2.2.
  const accept = createHash('sha1')
    .update(`${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
    .digest('base64')
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
  )
  if (path === '/stop') {
    takeALittle(socket)
    return
  }
  const bytes = bytesOf(path)
  socket.write(frameHead(bytes, 'server'))
  await pour(socket, bytes, begun())
  socket.end()
}

function begun(): Passed {
  last = nothing()
  return last
}

function takeALittle(from: IncomingMessage | Duplex): void {
  from.on('error', () => {})
  from.once('data', () => from.pause())
}

function bytesOf(path: string): number {
  return Number(path.slice(path.lastIndexOf('/') + 1))
}

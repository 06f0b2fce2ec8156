// An upstream in node:http, at a port of 127.0.0.1 and at the socket that its argument names; it takes WebSockets too.
import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { WebSocketServer } from 'ws'
import { largeAnswer, smallAnswer } from '../content.ts'

let connectionCount = 0
const large = Buffer.from(largeAnswer)

const answer: RequestListener = (request, response) => {
  response.setHeader('content-type', 'text/plain')
  if (request.method === 'POST') {
    request.resume().once('end', () => response.end(smallAnswer))
    return
  }
  if (request.url === '/connections') response.end(String(connectionCount))
  else if (request.url === '/100k') response.end(large)
  else response.end(smallAnswer)
}

const tcp = server()
server().listen({ path: process.argv[2], backlog: 4096 }, () => {
  tcp.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, () => {
    process.send?.((tcp.address() as AddressInfo).port)
  })
})
process.on('disconnect', () => process.exit())

function server(): Server {
  const created = createServer(answer)
  // How long connections are kept is for the gateways to decide.
  created.keepAliveTimeout = 0
  created.on('connection', () => (connectionCount += 1))
  new WebSocketServer({ server: created, perMessageDeflate: false }).on('connection', (socket) => {
    socket.on('error', () => {})
  })
  return created
}

// Knows nothing of TLS: it listens on PORT, the path of a Unix socket.
import { createServer } from 'node:http'
import { WebSocketServer } from 'ws'

const id = process.argv[2]
const server = createServer((request, response) => {
  const scheme = String(request.headers['x-forwarded-proto'])
  response.end(`${id} was asked for ${scheme}://${request.headers.host}${request.url}\n`)
})
new WebSocketServer({ server }).on('connection', (socket) => {
  socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }))
})
server.listen(process.env.PORT)

// An environment with WebSockets: says everything back, but for a few words that it obeys.
import { createServer } from 'node:http'
import { WebSocketServer } from 'ws'

const server = createServer((_request, response) => response.end(String(process.pid)))
const sockets = new WebSocketServer({
  server,
  maxPayload: 64 * 2 ** 20,
  perMessageDeflate: { threshold: 0 },
  handleProtocols: (offered) => (offered.has('second') ? 'second' : false),
  verifyClient: ({ req }, answer) => {
    if (req.url === '/forbidden') answer(false, 403, 'Not You', { 'x-why': 'a test' })
    else answer(true)
  },
})

sockets.on('connection', (socket, request) => {
  socket.on('message', (data, isBinary) => {
    const [word = '', ...rest] = isBinary ? [] : (data as Buffer).toString().split(' ')
    if (word === '!close') socket.close(Number(rest[0]), rest[1])
    else if (word === '!terminate') socket.terminate()
    else if (word === '!ping') socket.ping(rest[0])
    else if (word === '!exit') process.exit(3)
    else if (word === '!who') socket.send(`${process.pid} ${request.url}`)
    else socket.send(data, { binary: isBinary })
  })
  socket.on('ping', (data) => console.log('pinged', String(data)))
  socket.on('pong', (data) => console.log('ponged', String(data)))
  socket.on('close', (code, reason) => console.log('closed', code, String(reason)))
})

server.listen(process.env['PORT'])
// Ends by itself, and not before it has told of all that was closed.
process.once('SIGTERM', () => server.close())

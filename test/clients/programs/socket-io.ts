// An environment with Socket.IO: rooms, and answers with who gives them.
import { createServer } from 'node:http'
import { Server } from 'socket.io'

const server = createServer()
const io = new Server(server, {
  // More than one request or message can carry by default.
  maxHttpBufferSize: 16 * 2 ** 20,
  pingInterval: 1000,
})

io.on('connection', (socket) => {
  console.log('connected by', socket.conn.transport.name)
  socket.on('echo', (...args: unknown[]) => {
    const answer = args.pop() as (...answers: unknown[]) => void
    answer(...args)
  })
  socket.on('who', (answer: (pid: number) => void) => answer(process.pid))
  socket.on('join', async (room: string, answer: () => void) => {
    await socket.join(room)
    answer()
  })
  // Every member of the room acknowledges, and the sender is told by how many.
  socket.on('tell', async (room: string, text: string, answer: (members: string[]) => void) => {
    answer((await io.to(room).timeout(5000).emitWithAck('told', text)) as string[])
  })
  socket.on('disconnect', (reason) => console.log('disconnected:', reason))
})

io.of('/second').on('connection', (socket) => socket.emit('welcome', 'to the second'))

server.listen(process.env['PORT'])

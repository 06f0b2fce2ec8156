// slow-clients.ts <port> <environment> <uploads> <readers>
//
// Clients that take their time: uploads announce 1 MB and send some bytes a second, readers ask for 4 MiB and read as little.
// Each comes again when it is cut or refused. Tells what they had at "stop".
import { connect, type Socket } from 'node:net'
import type { FloodCounts } from '../floods/flood.ts'

const [port = 0, uploadCount = 0, readerCount = 0] = [2, 4, 5].map((at) => Number(process.argv[at]))
const fields = `Host: 127.0.0.1\r\nX-Env-Id: ${process.argv[3]}\r\n`
const upload = `POST /upload HTTP/1.1\r\n${fields}Content-Length: 1000000\r\n\r\n`
const reading = `GET /large HTTP/1.1\r\n${fields}\r\n`
const everyMs = 1000
const fewBytes = 8
const retryMs = 500

const startMs = performance.now()
const counts = { ok: 0, refused: 0, cut: 0 }
const all = new Set<Socket>()
let isOver = false

process.once('disconnect', () => process.exit())
for (let opened = 0; opened < uploadCount; opened += 1) open(upload)
for (let opened = 0; opened < readerCount; opened += 1) open(reading)
process.send?.('ready')

process.once('message', () => {
  isOver = true
  for (const socket of all) socket.resetAndDestroy()
  const seconds = (performance.now() - startMs) / 1000
  process.send?.({ seconds, ...counts } satisfies FloodCounts)
})

function open(request: string): void {
  if (isOver) return
  let isAnswered = false
  const buffer = Buffer.alloc(fewBytes * 2)
  const onread = {
    buffer,
    callback(length: number): boolean {
      if (!isAnswered && !count(buffer.toString('latin1', 0, length))) socket.destroy()
      isAnswered = true
      return false
    },
  }
  const socket = connect({ port, host: '127.0.0.1', onread }, () => socket.write(request))
  all.add(socket)
  const timer = setInterval(() => {
    if (request === upload) socket.write('x'.repeat(fewBytes))
    socket.resume()
  }, everyMs)
  socket.on('error', () => {})
  socket.once('end', () => socket.destroy())
  socket.once('close', () => {
    clearInterval(timer)
    all.delete(socket)
    if (isOver) return
    counts.cut += 1
    setTimeout(open, retryMs, request)
  })
}

/** Whether the answer that begins like this is what was asked for. */
function count(head: string): boolean {
  const isOk = head.startsWith('HTTP/1.1 2')
  counts[isOk ? 'ok' : 'refused'] += 1
  return isOk
}

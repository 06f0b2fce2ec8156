// open-loop-flood.ts <port> <environment> <connections> <requests per second>
//
// Sends when it is time to, whether or not what was sent before is answered: one request after the other on each connection in
// turn. A connection that is cut opens again. Begins with "go", and tells what it had at "stop".
import { connect, type Socket } from 'node:net'
import { AnswerReader } from '../answer-reader.ts'
import { type FloodCounts, mostSeconds } from '../floods/flood.ts'

const [port = 0, connectionCount = 0, perSecond = 0] = [2, 4, 5].map((at) =>
  Number(process.argv[at]),
)
const request = `GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Env-Id: ${process.argv[3]}\r\n\r\n`
const tickMs = 2
const retryMs = 20

const counts = { ok: 0, refused: 0, cut: 0, offered: 0, written: 0 }
const connected: Socket[] = []
// All connections read into the same memory: it is looked at before the next one reads.
const buffer = Buffer.alloc(65_536)
let turn = 0
let isOver = false

process.once('disconnect', () => process.exit())
for (let opened = 0; opened < connectionCount; opened += 1) open()

function open(): void {
  if (isOver) return
  const reader = new AnswerReader()
  const onread = {
    buffer,
    callback(length: number): boolean {
      for (const status of reader.read(buffer.toString('latin1', 0, length))) {
        counts[status >= 200 && status < 300 ? 'ok' : 'refused'] += 1
      }
      return true
    },
  }
  const socket = connect({ port, host: '127.0.0.1', noDelay: true, onread })
  socket.once('connect', () => {
    connected.push(socket)
    if (connected.length === connectionCount && counts.offered === 0) process.send?.('ready')
  })
  socket.on('error', () => {}).resume()
  socket.once('close', () => {
    counts.written -= socket.writableLength / request.length
    const at = connected.indexOf(socket)
    if (at !== -1) connected.splice(at, 1)
    if (isOver) return
    counts.cut += 1
    setTimeout(open, retryMs)
  })
}

// "go", and then "stop".
process.once('message', () => {
  const startMs = performance.now()
  const sending = setInterval(() => {
    const elapsedMs = Math.min(performance.now() - startMs, mostSeconds * 1000)
    const due = Math.floor((elapsedMs * perSecond) / 1000) - counts.offered
    for (let sent = 0; sent < due; sent += 1) send()
    counts.offered += due
  }, tickMs)
  process.once('message', () => {
    clearInterval(sending)
    finish((performance.now() - startMs) / 1000)
  })
})

function send(): void {
  // Where all connections are cut, what is due is lost.
  const socket = connected[(turn += 1) % connected.length]
  if (socket === undefined) return
  socket.write(request)
  counts.written += 1
}

function finish(seconds: number): void {
  isOver = true
  const { ok, refused, cut, offered } = counts
  const waiting = connected.reduce((bytes, { writableLength }) => bytes + writableLength, 0)
  const delivered = Math.round(counts.written - waiting / request.length)
  for (const socket of connected) socket.resetAndDestroy()
  process.send?.({ seconds, ok, refused, cut, offered, delivered } satisfies FloodCounts)
}

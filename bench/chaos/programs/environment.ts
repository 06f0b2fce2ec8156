// environment.ts <id> <seed> [parent | helper]
//
// An environment whose answers can be verified whole. SIGHUP makes it slow for a while, SIGUSR2 breaks whatever it is answering, and
// what it begins to answer soon after. As `parent`, what listens is a child of this process; with `helper`, it has a child that does nothing.
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { seededRandom } from '../../statistics.ts'
import { contentOf, eventsOf } from '../content.ts'
import { acceptOf, closeFrame, FrameReader } from '../web-socket.ts'

const [, program = '', id = '', seedText = '', shape] = process.argv

const slowForMs = 600
const breakForMs = 200

const random = seededRandom(Number(seedText))
let slowUntilMs = 0
let breakUntilMs = 0
const breaks = new Set<() => void>()
const broken = new WeakSet<ServerResponse>()

if (shape === 'parent') {
  // They are for the child.
  process.on('SIGHUP', () => {}).on('SIGUSR2', () => {})
  const child = spawn(process.execPath, [program, id, seedText], { stdio: 'inherit' })
  child.once('exit', (code) => process.exit(code ?? 1))
} else {
  if (shape === 'helper') spawn('sleep', ['1000'], { stdio: 'ignore' })
  process.on('SIGHUP', () => {
    slowUntilMs = performance.now() + slowForMs
  })
  process.on('SIGUSR2', () => {
    breakUntilMs = performance.now() + breakForMs
    for (const each of breaks) each()
  })
  serve()
}

function serve(): void {
  const server = createServer((request, response) => {
    answer(request, response).catch(() => response.destroy())
  })
  server.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => {
    echo(request, socket, head)
  })
  // So that connections end just as they are to be used again.
  server.keepAliveTimeout = 300
  server.listen(process.env['PORT'])
}

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const [, kind = '', ...rest] = (request.url ?? '').split('/')
  const [seed = 0, size = 0, pauseMs = 0] = rest.map(Number)
  const breakThis = (): void => breakOff(response)
  breaks.add(breakThis)
  try {
    await slow()
    response.setHeader('x-environment', id)
    response.setHeader('x-request', request.headers['x-request'] ?? '')
    switch (kind) {
      case 'fixed':
        response.setHeader('content-length', size)
        await send(response, contentOf(id, seed, size), pauseMs)
        break
      case 'chunked':
        await send(response, contentOf(id, seed, size), pauseMs)
        break
      case 'events':
        response.setHeader('content-type', 'text/event-stream')
        for (const event of eventsOf(id, seed, size)) {
          await write(response, event)
          await delay(pauseMs)
        }
        break
      case 'echo':
        response.flushHeaders()
        for await (const chunk of request) await write(response, chunk as Buffer)
        break
      case 'digest': {
        const digest = createHash('sha256')
        for await (const chunk of request) digest.update(chunk as Buffer)
        await write(response, digest.digest('hex'))
        break
      }
      default:
        response.statusCode = 404
    }
    if (!broken.has(response)) response.end()
  } finally {
    breaks.delete(breakThis)
  }
}

async function send(response: ServerResponse, content: Buffer, pauseMs: number): Promise<void> {
  const part = Math.ceil(content.length / (pauseMs > 0 ? 8 : 2))
  for (let at = 0; at < content.length; at += part) {
    await write(response, content.subarray(at, at + part))
    if (pauseMs > 0) await delay(pauseMs)
  }
}

async function write(response: ServerResponse, part: Buffer | string): Promise<void> {
  if (response.destroyed || broken.has(response)) throw new Error('Nobody is to get the rest')
  const isTaken = response.write(part)
  if (performance.now() < breakUntilMs) breakOff(response)
  if (!isTaken) {
    await new Promise<void>((resolve) => {
      response.once('drain', resolve).once('close', resolve)
    })
  }
  await slow()
}

async function slow(): Promise<void> {
  if (performance.now() < slowUntilMs) await delay(random() * 200)
}

/** In mid-answer, with an end of the connection that looks in order, or without. */
function breakOff(response: ServerResponse): void {
  broken.add(response)
  const { socket } = response
  if (random() < 0.5) socket?.end()
  else socket?.destroy()
}

/** Sends back the payload of each frame, in a frame of its own. */
function echo(request: IncomingMessage, socket: Socket, head: Buffer): void {
  const breakThis = (): void => void socket.destroy()
  breaks.add(breakThis)
  socket.once('close', () => breaks.delete(breakThis))
  socket.on('error', () => {})
  socket.write(
    [
      'HTTP/1.1 101 Switching Protocols',
      'Connection: Upgrade',
      'Upgrade: websocket',
      `x-environment: ${id}`,
      `x-request: ${String(request.headers['x-request'])}`,
      `Sec-WebSocket-Accept: ${acceptOf(request.headers['sec-websocket-key'] ?? '')}`,
      '\r\n',
    ].join('\r\n'),
  )
  const reader = new FrameReader()
  const take = (chunk: Buffer): void => {
    for (const frame of reader.framesIn(chunk)) {
      if (frame === 'close') socket.end(closeFrame)
      else socket.write(frame)
    }
  }
  take(head)
  // Connections that were upgraded stay half open otherwise.
  socket.on('data', take).once('end', () => socket.end())
}

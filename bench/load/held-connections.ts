import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { smallAnswer } from './content.ts'

/** Connections that are open, and over which nothing happens. */
export interface HeldConnections {
  /** How many the other side has not closed. */
  open(): number
  /** Closes them, and resolves when they are. */
  close(): Promise<void>
}

/** How they are opened. */
interface Opening {
  /** The fields of the request that each begins with. */
  readonly fields: readonly string[]
  isAnswered(answer: string): boolean
}

/** How many are being opened at a time. */
const atATime = 25
const deadlineMs = 10_000
/** Among how many environments they are spread: one may have some hundred WebSockets by default. */
const environmentCount = 4

/** Opens connections, each of which has had one request answered. @throws where one is not answered as it is to be */
export function openIdle(
  port: number,
  count: number,
  signal: AbortSignal,
): Promise<HeldConnections> {
  const isAnswered = (answer: string): boolean => answer.endsWith(smallAnswer)
  return openMany(port, count, signal, { fields: [], isAnswered })
}

/** Opens WebSockets, over which nothing is sent. @throws where one is refused */
export function openWebSockets(
  port: number,
  count: number,
  signal: AbortSignal,
): Promise<HeldConnections> {
  const key = `Sec-WebSocket-Key: ${randomBytes(16).toString('base64')}`
  const fields = ['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13', key]
  const isAnswered = (answer: string): boolean => /^HTTP\/1\.1 101 .*\r\n\r\n/s.test(answer)
  return openMany(port, count, signal, { fields, isAnswered })
}

async function openMany(
  port: number,
  count: number,
  signal: AbortSignal,
  opening: Opening,
): Promise<HeldConnections> {
  const sockets = new Set<Socket>()
  const close = async (): Promise<void> => {
    await Promise.all(
      [...sockets].map(async (socket) => {
        socket.destroy()
        if (!socket.closed) await once(socket, 'close')
      }),
    )
  }
  const failed = new AbortController()
  const lane = async (): Promise<void> => {
    while (sockets.size < count && !failed.signal.aborted) {
      signal.throwIfAborted()
      const environment = `x-env-id: bench-${sockets.size % environmentCount}`
      const socket = connect(port, '127.0.0.1').setEncoding('latin1')
      sockets.add(socket)
      await answered(socket, { ...opening, fields: [environment, ...opening.fields] })
    }
  }
  try {
    await Promise.all(Array.from({ length: atATime }, lane))
  } catch (error) {
    failed.abort()
    await close()
    throw error
  }
  return { open: () => [...sockets].filter((socket) => socket.readyState === 'open').length, close }
}

function answered(socket: Socket, { fields, isAnswered }: Opening): Promise<void> {
  return new Promise((resolve, reject) => {
    let answer = ''
    const fail = (why: string): void => {
      reject(new Error(`${why} after ${JSON.stringify(answer.slice(0, 300))}`))
    }
    const deadline = setTimeout(() => fail('No more came'), deadlineMs)
    socket.on('error', (error) => fail(error.message))
    socket.on('close', () => {
      clearTimeout(deadline)
      fail('It was closed')
    })
    socket.on('data', (more: string) => {
      answer += more
      if (!isAnswered(answer)) return
      clearTimeout(deadline)
      // What comes from here on is nothing that is waited for.
      socket.removeAllListeners('data').resume()
      resolve()
    })
    socket.write(['GET / HTTP/1.1', 'Host: localhost', ...fields, '\r\n'].join('\r\n'))
  })
}

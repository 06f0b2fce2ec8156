import { createServer, connect } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'

// Below those that systems give away by themselves, to connections as well.
const first = 20_000
const count = 10_000
let next = Math.floor(Math.random() * count)

/** Another port each time, for programs that can't say which one they were given. */
export function nextPort(): number {
  next = (next + 1) % count
  return first + next
}

export function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
}

/** Resolves when somebody listens. @throws where the one who should is gone */
export async function listening(port: number, gone: () => string | undefined): Promise<void> {
  for (;;) {
    const why = gone()
    if (why !== undefined) throw new Error(`It did not start: ${why}`)
    if (await answers(port)) return
    // Nothing tells when a program listens but that it does.
    await delay(5)
  }
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}

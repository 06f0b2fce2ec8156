import type { Http2Server } from 'node:http2'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Order, Report, Setup } from '../orders.ts'

/** A proxy in front of one target, not listening yet. */
export interface Proxy {
  readonly server: Server | Http2Server
  /** Ends what it keeps open to the target. */
  close?(): void | Promise<void>
}

let open: (() => Promise<void>) | undefined

/** Sets up a proxy for each case, on the orders of the process that started this one. */
export function serve(setUp: (setup: Setup) => Proxy | Promise<Proxy>): void {
  process.on('message', (order: Order) => {
    void carryOut(order)
  })
  // Never outlives the comparison.
  process.on('disconnect', () => process.exit())
  report({ ready: true })

  async function carryOut(order: Order): Promise<void> {
    if ('listen' in order) {
      report({ port: await listen(await setUp(order.listen)) })
      return
    }
    // What the end of a case does to it is not of that case.
    process.once('uncaughtException', () => process.exit())
    await open?.()
    open = undefined
    process.removeAllListeners('uncaughtException')
    report({ closed: true })
  }
}

async function listen({ server, close }: Proxy): Promise<number> {
  const sockets = new Set<Duplex>()
  server.on('connection', (socket: Duplex) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  open = async () => {
    const closed = new Promise((resolve) => server.close(resolve))
    for (const socket of sockets) socket.destroy()
    await closed
    await close?.()
    // What was destroyed says so in the next rounds.
    for (let round = 0; round < 3; round += 1) await new Promise(setImmediate)
  }
  return (server.address() as AddressInfo).port
}

function report(what: Report): void {
  process.send?.(what)
}

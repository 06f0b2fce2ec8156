import { type RequestListener, type Server, createServer } from 'node:http'
import { type Http2Server, createServer as createHttp2Server } from 'node:http2'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Gateway } from '@alcove/core'
import type { Front, RunningSubject } from '../subject.ts'

/** Makes a server of what a framework has mounted a gateway in, and listens. */
export async function listen(
  front: Front,
  gateway: Pick<Gateway, 'attach' | 'close'>,
  listener: RequestListener,
): Promise<RunningSubject> {
  const server: Server | Http2Server =
    front === 'http1'
      ? createServer(listener)
      : // The compatibility API is one for listeners as node:http has them, though not by its types.
        createHttp2Server(listener as never)
  const sockets = new Set<Duplex>()
  server.on('connection', (socket: Duplex) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  if (front === 'http1') gateway.attach(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  let closed: Promise<void> | undefined
  const close = async (): Promise<void> => {
    const ended = new Promise((resolve) => server.close(resolve))
    // Upgraded ones as well, which the server does not know any more.
    for (const socket of sockets) socket.destroy()
    await gateway.close({ drainMs: 0 })
    await ended
  }
  return {
    port: (server.address() as AddressInfo).port,
    // It lives in this process, which an uncaught exception would end.
    crashed: () => undefined,
    close: () => (closed ??= close()),
  }
}

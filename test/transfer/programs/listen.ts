import type { Server } from 'node:net'

/** Listens, tells the port to the process that has started this one, and ends with that. */
export function listen(server: Server): void {
  process.once('disconnect', () => process.exit())
  server.listen(0, '127.0.0.1', () => {
    const address = server.address()
    if (typeof address === 'object') process.send?.(address?.port)
  })
}

import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'

/** Listens, tells the port to the process that started this one, and never outlives it. */
export function listen(server: Server): void {
  process.once('disconnect', () => process.exit())
  // Longer than a phase: nobody is to find a connection closed that it is about to use.
  server.keepAliveTimeout = 600_000
  // Thousands connect at once: a second's wait for the next SYN would be the kernel's, and nobody's achievement.
  server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, () => {
    process.send?.((server.address() as AddressInfo).port)
  })
}

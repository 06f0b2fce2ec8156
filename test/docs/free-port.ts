import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:net'

const given = new Set<number>()

/** A port that nobody has, below those that the kernel hands out itself, so that nobody gets it meanwhile. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(10_000, 20_000)
    if (given.has(port)) continue
    given.add(port)
    const server = createServer().listen(port)
    const [error] = (await Promise.race([once(server, 'listening'), once(server, 'error')])) as [
      unknown?,
    ]
    if (error) continue
    server.close()
    await once(server, 'close')
    return port
  }
}

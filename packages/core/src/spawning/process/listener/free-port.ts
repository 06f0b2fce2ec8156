import { randomInt } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { PortTakenError } from '../../../errors.js'

/** Picked by this process, for instances that are not gone yet. */
const reserved = new Set<number>()
const attempts = 50

/** A port that is kept from other starts until it is released. */
export interface PickedPort {
  readonly port: number
  release(): void
}

/**
 * Picks a port that nobody listens on.
 *
 * @throws {@link PortTakenError} where none was found.
 */
export async function pickPort(
  id: string,
  candidate: () => number = randomPort,
): Promise<PickedPort> {
  for (let attempt = 0; attempt < attempts; attempt += 1) {
    const port = candidate()
    if (reserved.has(port)) continue
    reserved.add(port)
    // eslint-disable-next-line no-await-in-loop -- the first free one
    if (await isFree(port)) return reservation(port)
    reserved.delete(port)
  }
  throw new PortTakenError(
    `No free port was found for environment "${id}" in ${attempts} attempts`,
    { id },
  )
}

function reservation(port: number): PickedPort {
  let held = true
  return {
    port,
    release() {
      // Once: the next start may have it by now.
      if (held) reserved.delete(port)
      held = false
    },
  }
}

/**
 * Below the ports that the kernel gives to outgoing connections and to servers on port 0 (ip_local_port_range in ip(7)): one
 * of those may be gone a moment later, and a connection to one that nobody listens on may reach itself.
 */
function randomPort(): number {
  ephemeralStart ??= readEphemeralStart()
  return ephemeralStart > 21_000 ? randomInt(20_000, ephemeralStart) : randomInt(20_000, 65_536)
}

let ephemeralStart: number | undefined

function readEphemeralStart(): number {
  try {
    return Number.parseInt(readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'latin1'), 10)
  } catch {
    // RFC 6335 §6, which macOS keeps to.
    return 49_152
  }
}

/** On every address: a child may bind any of them. */
async function isFree(port: number): Promise<boolean> {
  for (const host of ['127.0.0.1', '::', '0.0.0.0']) {
    // eslint-disable-next-line no-await-in-loop -- they would be in each other's way
    if (!(await canBind(host, port))) return false
  }
  return true
}

function canBind(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', (error: NodeJS.ErrnoException) => {
      // A machine without IPv6 has nobody there.
      resolve(error.code === 'EAFNOSUPPORT' || error.code === 'EADDRNOTAVAIL')
    })
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(true)))
  })
}

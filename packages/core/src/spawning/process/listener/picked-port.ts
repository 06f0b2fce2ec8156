import { setTimeout as pause } from 'node:timers/promises'
import type { ListeningSocket } from '../listening-sockets.js'
import { accepts } from './accepts.js'
import type { Listener, ListenerEvents } from './listener.js'
import { Retry } from './retry.js'

/** Nothing tells that a port is listened on, so it is tried, at growing distances. */
const distance = { leastMs: 2, mostMs: 250 }
/** How often a socket that seems to be a stranger's is looked at, since the tree may have changed during the look. */
const looks = 3

/** Waits until the port is listened on, and finds out by whom: a stranger does not pass. */
export function listenOnPort(
  port: number,
  sockets: () => Promise<readonly ListeningSocket[]>,
  events: ListenerEvents,
): Listener {
  let over = false
  const retry = new Retry(async () => {
    const host = await hostThatAccepts(port)
    if (host === undefined || over) return over
    const owner = await ownerOf(port, host, sockets)
    if (over) return true
    if (owner === 'own') events.endpoint({ kind: 'tcp', host, port })
    if (owner === 'stranger') events.portTaken(strangerOn(port))
    return owner !== 'nobody'
  }, distance)
  retry.now()
  return {
    expected: `port ${port}, which is in PORT and stands for {port},`,
    close() {
      over = true
      retry.end()
    },
  }
}

/** Whether somebody else listens on the port: then a child that has ended could not have had it. */
export async function isTakenByStranger(
  port: number,
  sockets: () => Promise<readonly ListeningSocket[]>,
): Promise<boolean> {
  const listening = (await sockets()).filter((socket) => socket.port === port)
  return listening.some((socket) => !socket.own)
}

export const strangerOn = (port: number): string =>
  `port ${port}, picked for it, was taken by a program that is not the environment's`

/** The address that a port is listened on, IPv4's first. */
export async function hostThatAccepts(
  port: number,
  isListening: (at: { host: string; port: number }) => Promise<boolean> = accepts,
): Promise<string | undefined> {
  if (await isListening({ host: '127.0.0.1', port })) return '127.0.0.1'
  if (!(await isListening({ host: '::1', port }))) return undefined
  // Who listens on both may have begun to between the two, and is to be found at the same address whenever it is looked for.
  return (await isListening({ host: '127.0.0.1', port })) ? '127.0.0.1' : '::1'
}

async function ownerOf(
  port: number,
  host: string,
  sockets: () => Promise<readonly ListeningSocket[]>,
): Promise<'own' | 'stranger' | 'nobody'> {
  for (let look = 1; ; look += 1) {
    // Several may share the port (SO_REUSEPORT): a single stranger's among them gets some of the requests.
    // eslint-disable-next-line no-await-in-loop -- one look after another
    const there = (await sockets()).filter((socket) => socket.port === port && covers(socket, host))
    if (there.length === 0) return 'nobody'
    if (there.every(({ own }) => own)) return 'own'
    if (look === looks) return 'stranger'
    // eslint-disable-next-line no-await-in-loop -- one look after another
    await pause(20)
  }
}

function covers(socket: ListeningSocket, host: string): boolean {
  return socket.host === host || socket.host === '0.0.0.0' || socket.host === '::'
}

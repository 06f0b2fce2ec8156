import type { InstanceParts } from '../process-instance.js'
import type { ProcessTree } from '../process-tree.js'
import type { ProcessHandle } from '../run-folder.js'
import { type ListeningSocket, listeningSockets } from '../listening-sockets.js'
import { watchForMisplaced } from './misplaced.js'
import { isTakenByStranger, listenOnPort, strangerOn } from './picked-port.js'
import { listenForReport } from './reported-port.js'
import { listenOnSocket } from './socket.js'

/** How an instance's endpoint is found, by the way in which it listens. */
export function lookForEndpoint(
  handle: ProcessHandle,
  folder: string,
  tree: ProcessTree,
): Pick<InstanceParts, 'listen' | 'watchForMisplaced' | 'judge'> {
  const { listen, port = 0 } = handle
  const sockets = (): Promise<ListeningSocket[]> =>
    listeningSockets(async () => (await tree.members()).map(({ pid }) => pid))
  return {
    listen(events) {
      switch (listen) {
        case 'socket':
          return listenOnSocket(folder, events)
        case 'reported-port':
          return listenForReport(folder, events)
        case 'picked-port':
          return listenOnPort(port, sockets, events)
      }
    },
    watchForMisplaced: ({ expected }, note) => watchForMisplaced(listen, expected, sockets, note),
    async judge(exit, listening) {
      // Most programs end by themselves when they can't have their port.
      const lost =
        listen === 'picked-port' && !listening && (await isTakenByStranger(port, sockets))
      return lost ? { ...exit, reason: 'port-taken', message: strangerOn(port) } : exit
    },
  }
}

import { connect, type NetConnectOpts } from 'node:net'

/** Whether something accepts connections there; the one that is made is closed at once. */
export function accepts(to: NetConnectOpts): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(to)
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    // EAGAIN: the backlog of a Unix socket is full, so there is one (connect(2)).
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code === 'EAGAIN'))
  })
}

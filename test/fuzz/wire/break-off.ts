import type { Socket } from 'node:net'

/** Resets a connection, where that can be done. */
export function breakOff(socket: Socket): void {
  // A Unix socket has no reset, and one that is just ending loses its handle (libuv: EINVAL from `uv_tcp_close_reset`).
  if (socket.remoteAddress === undefined || socket.writableEnded) socket.destroy()
  else socket.resetAndDestroy()
}

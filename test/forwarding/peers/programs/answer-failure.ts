import type { ServerResponse } from 'node:http'
import type { Http2ServerResponse } from 'node:http2'
import { Socket } from 'node:net'

const absent = new Set(['ECONNREFUSED', 'ENOENT', 'ENOTFOUND', 'EHOSTUNREACH'])

/**
 * Answers where a peer has failed and leaves the answer to its host: most of them do, and their documentation shows
 * a handler that says 500. This one says what a careful host would.
 */
export function answerFailure(
  error: unknown,
  to: ServerResponse | Http2ServerResponse | Socket | undefined,
): void {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  const status = absent.has(code) ? 503 : code === 'ETIMEDOUT' ? 504 : 502
  if (to === undefined) return
  if (to instanceof Socket) {
    // Whether a tunnel stood already is not said: nothing was sent, so none did.
    if (to.writable && to.bytesWritten === 0) {
      to.end(
        `HTTP/1.1 ${status} Not reached\r\nConnection: close\r\nContent-Length: 0\r\n${status === 503 ? 'Retry-After: 1\r\n' : ''}\r\n`,
      )
    } else to.destroy()
    return
  }
  if (to.headersSent) {
    to.destroy()
    return
  }
  // What the peer has taken over from the target's answer so far is not of this one.
  for (const name of to.getHeaderNames()) to.removeHeader(name)
  if (status === 503) to.setHeader('retry-after', '1')
  to.statusCode = status
  to.end()
}

import { constants as http2Constants } from 'node:http2'
import {
  type FrontRequest,
  type FrontResponse,
  isHttp2Request,
  isHttp2Response,
} from './messages.js'

/** How much of an upload that nobody wants is read so that the client gets to its answer. */
const discardBytes = 16 * 1024 * 1024
/** How long. */
const discardMs = 5000

/** Reads on, within bounds, what a client still sends though it has its answer (RFC 9112 §9.6); past them, its connection is closed. */
export function discardRest(request: FrontRequest, response: FrontResponse): void {
  if (isHttp2Request(request) || isHttp2Response(response)) {
    // NO_ERROR: the answer is whole, the rest of the request is not needed (RFC 9113 §8.1). The response itself finishes with its
    // stream, and that waits for the upload.
    if (isHttp2Response(response)) {
      const { stream } = response
      stream.once('finish', () => stream.close(http2Constants.NGHTTP2_NO_ERROR))
    }
    return
  }
  if (request.complete || request.destroyed) return
  const { socket } = request
  let left = discardBytes
  const giveUp = (): void => {
    socket.destroy()
  }
  const timer = setTimeout(giveUp, discardMs)
  timer.unref()
  const onData = (chunk: Buffer): void => {
    left -= chunk.length
    if (left < 0) giveUp()
  }
  request.on('data', onData)
  request.once('close', () => {
    clearTimeout(timer)
    request.off('data', onData)
  })
  // Unheard errors of an aborted upload are none of Node.js's business here.
  request.on('error', () => {})
  request.resume()
}

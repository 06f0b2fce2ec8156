import { constants as http2Constants, type Http2ServerResponse } from 'node:http2'
import {
  type FrontRequest,
  type FrontResponse,
  isHttp2Request,
  isHttp2Response,
} from './messages.js'

/** How much of an upload that nobody wants is read so that the client gets to its answer. */
export const discardBytes = 16 * 1024 * 1024
/** How long, once the answer is out. */
export const discardMs = 5000

/**
 * Reads on, within bounds, what a client still sends though its answer is whole; past them its connection is closed. A connection
 * that is closed under bytes that nobody has read is reset, and the client may lose the answer with it (RFC 9112 §9.6).
 *
 * @param end - Ends the answer, where that was put off because it would close the connection.
 */
export function discardRest(
  request: FrontRequest,
  response: FrontResponse,
  end?: () => void,
): void {
  if (isHttp2Request(request) || isHttp2Response(response)) {
    if (isHttp2Response(response)) needsNoMore(response)
    return
  }
  let left = discardBytes
  let timer: NodeJS.Timeout | undefined
  const stop = (): void => {
    clearTimeout(timer)
    request.off('data', onData).off('close', stop)
    response.off('finish', onAnswered)
    end?.()
  }
  const giveUp = (): void => {
    stop()
    if (!end) request.socket.destroy()
  }
  const onData = (chunk: Buffer): void => {
    left -= chunk.length
    if (left >= 0) return
    // An answer that is still on its way is not cut for that: its client may read more of it than it sends.
    if (end || response.writableFinished) giveUp()
    else request.pause()
  }
  const onAnswered = (): void => {
    if (left < 0) giveUp()
    else timer = setTimeout(giveUp, discardMs).unref()
  }
  request.on('data', onData)
  request.once('close', stop)
  // Nobody else listens, and an upload that breaks off now is no fault of anybody.
  request.on('error', ignore)
  if (end || response.writableFinished) onAnswered()
  else response.once('finish', onAnswered)
  request.resume()
}

/** Ends a stream of HTTP/2 with its answer: the rest of the request is not needed (RFC 9113 §8.1). */
export function needsNoMore({ stream }: Http2ServerResponse): void {
  // The response itself finishes with its stream, and that waits for the upload.
  const close = (): void => stream.close(http2Constants.NGHTTP2_NO_ERROR)
  if (stream.writableFinished) close()
  else stream.once('finish', close)
}

function ignore(): void {}

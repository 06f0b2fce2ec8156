import {
  constants as http2Constants,
  type Http2ServerResponse,
  type ServerHttp2Stream,
} from 'node:http2'
import { type FrontRequest, type FrontResponse, isHttp2Response } from './messages.js'

/** How much of an upload that nobody wants is read so that the client gets to its answer. */
export const discardBytes = 16 * 1024 * 1024
/** How long, once the answer is out. */
export const discardMs = 5000
/** How long a stream may take to close once it was told to. */
const closeMs = 1000

/**
 * Reads on, within bounds, what a client still sends though its answer is whole; past them its connection (over HTTP/2 its stream)
 * is closed. A connection that is closed under bytes that nobody has read is reset, and the client may lose the answer with it
 * (RFC 9112 §9.6); and there are clients to whom a stream that is reset has failed, whatever came before (RFC 9113 §8.1).
 *
 * @param end - Ends the answer, where that was put off because it would close the connection.
 */
export function discardRest(
  request: FrontRequest,
  response: FrontResponse,
  end?: () => void,
): void {
  // Its client has gone, and nothing will tell so again.
  const connection = isHttp2Response(response) ? response.stream : request.socket
  if (request.closed || connection.destroyed) {
    end?.()
    return
  }
  let left = discardBytes
  let timer: NodeJS.Timeout | undefined
  const stop = (): void => {
    clearTimeout(timer)
    request.off('data', onData).off('close', stop)
    connection.off('close', stop)
    finishing(response).off('finish', onAnswered)
    end?.()
  }
  const giveUp = (): void => {
    stop()
    if (end) return
    if (isHttp2Response(response)) closeStream(response.stream)
    else request.socket.destroy()
  }
  const onData = (chunk: Buffer): void => {
    left -= chunk.length
    if (left >= 0) return
    // An answer that is still on its way is not cut for that: its client may read more of it than it sends.
    if (end || isAnswered(request, response)) giveUp()
    else request.pause()
  }
  const onAnswered = (): void => {
    if (left < 0) giveUp()
    else timer = setTimeout(giveUp, discardMs).unref()
  }
  request.on('data', onData)
  request.once('close', stop)
  // Of a request that has its answer, Node.js does not tell that its connection is gone.
  connection.once('close', stop)
  // Nobody else listens, and an upload that breaks off now is no fault of anybody.
  request.on('error', ignore)
  if (end || isAnswered(request, response)) onAnswered()
  else finishing(response).once('finish', onAnswered)
  request.resume()
}

function closeStream(stream: ServerHttp2Stream): void {
  stream.close(http2Constants.NGHTTP2_NO_ERROR)
  // Node.js 22 and 24 may wait for ever for a write whose connection was reset.
  const timer = setTimeout(() => stream.destroy(), closeMs).unref()
  stream.once('close', () => clearTimeout(timer))
}

/** Whether all of an answer is out. Over HTTP/2 one to HEAD has nothing to finish. */
function isAnswered(request: FrontRequest, response: FrontResponse): boolean {
  if (!isHttp2Response(response)) return response.writableFinished
  return response.stream.writableFinished || request.method === 'HEAD'
}

/** What tells that an answer is out: a response of HTTP/2 itself finishes with its stream, and that waits for the upload. */
function finishing(
  response: FrontResponse,
): Exclude<FrontResponse, Http2ServerResponse> | Http2ServerResponse['stream'] {
  return isHttp2Response(response) ? response.stream : response
}

function ignore(): void {}

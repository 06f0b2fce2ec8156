import { type ServerResponse, STATUS_CODES } from 'node:http'
import type { Dispatcher } from 'undici'
import { smallPartBytes } from './body.js'
import { watchDrain } from './client-side.js'
import { Exchange } from './exchange.js'
import { interimBytes, mostInterimBytes, relayInterim, removeLength } from './interim.js'
import { destroyResponse, knowsHttp11, unsentBytes } from './messages.js'
import { relayTrailers, writeHead } from './response-head.js'
import { isTaken } from './taken.js'
import { type ResponseFields, responseFields } from './response-headers.js'

/** Up to here, a copy is cheaper than another buffer for the kernel. */
const smallBodyBytes = 8 * 1024

/** Relays an answer to the client, part by part as undici tells of it. */
export class Answer extends Exchange {
  #bodyPassed = false
  /** The response is Node.js's own. */
  #plain = false
  #eventStream = false
  /** The end of the connection is the end of the body. */
  #untilClose = false
  #drainWatched = false
  #interimBytes = 0
  /** Parts of the body that go on together. */
  #small: Buffer[] | undefined
  /** Bytes of a declared length that are still to come, -1 where none is declared. */
  #remaining = -1

  onResponseStart(
    controller: Dispatcher.DispatchController,
    status: number,
    _headers: unknown,
    message?: string,
  ): void {
    if (this.over) return
    const { response } = this
    // The host has lost its patience and answered itself.
    if (response.headersSent) {
      this.closed()
      return
    }
    const raw = controller.rawHeaders as Buffer[]
    if (status < 200) {
      // undici reports a change of protocols elsewhere, and less than 100 is no status.
      if (status <= 101) throw this.nonsense(`answered with the status ${status}`)
      this.#passInterim(status, raw)
      return
    }
    // No valid one (RFC 9110 §15), and Node.js does not send it over HTTP/2.
    if (status > 599) throw this.nonsense(`answered with the status ${status}`)
    this.#passHead(status, message, responseFields(raw, this.passage))
  }

  #passInterim(status: number, raw: readonly Buffer[]): void {
    this.#interimBytes += interimBytes(raw)
    if (this.#interimBytes > mostInterimBytes) {
      throw this.nonsense('answered with interim answers without end')
    }
    this.awaitHead()
    if (this.over) return
    relayInterim(this.request, this.response, status, responseFields(raw, this.passage))
  }

  #passHead(status: number, message: string | undefined, fields: ResponseFields): void {
    const { request, response } = this
    const { options, to, lease, rules } = this.passage
    const { hooks } = rules
    if (hooks.forResponses) {
      const { id, generation } = lease
      hooks.changeAnswer(request, { id, generation, status }, fields.flat)
    }
    if (to.setCookie) for (const cookie of to.setCookie) fields.flat.push('Set-Cookie', cookie)
    if (status === 401 && this.passage.fields.authorizationWithheld) {
      // Whoever wonders why signing in does not work finds the reason where they look first.
      fields.flat.push('X-Alcove-Withheld', 'authorization')
    }
    if (status === 204) removeLength(fields)
    const bodiless = options.method === 'HEAD' || status === 204 || status === 304
    if (bodiless || fields.contentLength >= 0 || !knowsHttp11(request)) {
      // Only chunks can be followed by trailers, and Node.js throws where some are announced without.
      fields.trailer = undefined
    }
    // Before anything is said to the client: there may be no place for it.
    if (fields.eventStream && !bodiless) to.watch?.endless()
    this.#plain = writeHead(response, status, message ?? STATUS_CODES[status] ?? '', fields)
    this.headCame()
    if (fields.eventStream) {
      this.#eventStream = true
      lease.become('stream')
      this.limits?.endless()
    }
    if (bodiless || fields.contentLength === 0) return
    this.#remaining = fields.contentLength
    this.#untilClose = fields.contentLength < 0 && !fields.chunked
    this.limits?.streams()
    // Most bodies begin in the same read, and then head and body leave together.
    this.connection?.afterRead(this)
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.over) return
    this.limits?.moved()
    this.sentBytes += chunk.length
    // Both kinds of response take a Buffer; the union of their overloads does not say so.
    const response = this.response as ServerResponse
    if (this.#remaining >= 0) {
      this.#remaining -= chunk.length
      if (this.#remaining === 0 && !this.lingers()) {
        this.ended = true
        this.#endSmall()
        // As text of one byte a character, a small body leaves in one string with the head: half the work of two buffers.
        if (this.#plain && !this.#bodyPassed && chunk.length <= smallBodyBytes) {
          response.end(chunk.toString('latin1'), 'latin1')
        } else {
          response.end(chunk)
          if (this.#plain && isTaken(response)) this.connection?.readPassed()
        }
        this.#watchRest()
        return
      }
    }
    this.#bodyPassed = true
    if (this.#small) {
      this.#small.push(chunk)
    } else if (chunk.length >= smallPartBytes) {
      this.#write(chunk)
    } else {
      this.#small = [chunk]
      // undici takes all that one read has brought in one tick.
      process.nextTick(passSmall, this)
    }
  }

  passSmall(): void {
    const parts = this.#takeSmall()
    if (parts && !this.over) this.#write(parts)
  }

  // Without a pause: at the end of an answer, the connection may be another request's already.
  #endSmall(): void {
    const parts = this.#takeSmall()
    if (parts) (this.response as ServerResponse).write(parts)
  }

  #takeSmall(): Buffer | undefined {
    const parts = this.#small
    this.#small = undefined
    return parts && parts.length > 1 ? Buffer.concat(parts) : parts?.[0]
  }

  #write(chunk: Buffer): void {
    const response = this.response as ServerResponse
    if (!response.write(chunk)) {
      this.controller?.pause()
      // What is paused is not read to an end.
      this.connection?.readEnded(this)
      if (!this.#drainWatched) {
        this.#drainWatched = true
        this.passage.lease.become('stream')
        watchDrain(response)
      }
    }
    // `compression` holds small events back unless it is told.
    if (this.#eventStream && 'flush' in response) {
      const { flush } = response as { flush: unknown }
      if (typeof flush === 'function') Reflect.apply(flush, response, [])
    }
  }

  onResponseEnd(controller: Dispatcher.DispatchController): void {
    this.connection?.free()
    if (this.over) return
    if (this.#untilClose && this.connection?.broke) {
      this.fail(this.nonsense('broke the connection'))
      return
    }
    const { response } = this
    const lingers = this.lingers()
    if (!this.ended) {
      this.ended = true
      this.#endSmall()
      const raw = controller.rawTrailers as Buffer[] | null
      if (raw && raw.length > 0) relayTrailers(response, raw)
      if (!lingers) response.end()
      this.#watchRest()
    }
    this.discardRest(lingers ? () => response.end() : undefined)
  }

  /** What the client does not take now may stay for long, though all of it is there. */
  #watchRest(): void {
    if (!this.#eventStream && unsentBytes(this.response) > 0) this.passage.to.watch?.opened(this)
  }

  protected override endEarly(): boolean {
    if (!this.#eventStream) return false
    this.ended = true
    this.#endSmall()
    // An end before the declared one must not look like a whole answer.
    if (this.#remaining > 0) destroyResponse(this.request, this.response)
    else this.response.end()
    return true
  }

  readEnded(): void {
    if (this.over || this.ended) return
    if (!this.#eventStream) this.passage.to.watch?.opened(this)
    if (this.#bodyPassed || this.response.writableEnded) return
    const response = this.response as ServerResponse
    // Not flushHeaders(): Node.js writes what that sends as UTF-8, and fields are bytes.
    if (this.#plain) response.write('', 'latin1')
    // HTTP/2's responses have it too, though their types do not say so.
    else response.flushHeaders()
  }
}

function passSmall(answer: Answer): void {
  answer.passSmall()
}

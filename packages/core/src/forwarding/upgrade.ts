import type { IncomingMessage, ServerResponse } from 'node:http'
import { type Duplex, Readable } from 'node:stream'
import type { Dispatcher } from 'undici'
import { BadRequestError } from '../errors.js'
import { bareResponse, release } from './bare-response.js'
import type { Passage } from './passage.js'
import type { RequestFields } from './request-headers.js'
import { responseFields } from './response-headers.js'
import { requestBody } from './body.js'
import type { EarlyBytes } from './early-bytes.js'
import { Answer } from './response.js'
import { Tunnel, type Tunnels } from './tunnel.js'

/** Asks an environment for an upgrade: a tunnel where it agrees, and otherwise its answer, after which the connection ends. */
export class Handshake extends Answer {
  readonly #socket: Duplex
  readonly #early: EarlyBytes
  readonly #tunnels: Tunnels

  constructor(
    request: IncomingMessage,
    socket: Duplex,
    early: EarlyBytes,
    tunnels: Tunnels,
    passage: Passage,
  ) {
    super(request, responseOn(request, socket), passage)
    this.#socket = socket
    this.#early = early
    this.#tunnels = tunnels
    socket.on('end', this.#onEnd)
    this.response.on('finish', this.#onFinish)
  }

  onRequestUpgrade(
    controller: Dispatcher.DispatchController,
    _status: number,
    headers: Record<string, string | string[] | undefined>,
    upstream: Duplex,
  ): void {
    this.#tunnels.guard(upstream)
    if (String(headers['upgrade']).toLowerCase() !== 'websocket') {
      upstream.destroy()
      this.fail(this.nonsense('answered in a protocol that nobody asked for'))
      return
    }
    const { lease, to, resolve } = this.passage
    const { flat } = responseFields(controller.rawHeaders as Buffer[], this.passage)
    if (to.setCookie) for (const cookie of to.setCookie) flat.push('Set-Cookie', cookie)
    let answer = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n'
    for (let i = 0; i < flat.length; i += 2) answer += `${flat[i]}: ${flat[i + 1]}\r\n`
    this.over = true
    this.detach()
    this.#socket.write(`${answer}\r\n`, 'latin1')
    const tunnel = new Tunnel(this.#socket, upstream, lease)
    this.#tunnels.run(tunnel).then(resolve, resolve)
    tunnel.start(this.#early.take())
  }

  protected override detach(): void {
    super.detach()
    const socket = this.#socket
    socket.off('end', this.#onEnd)
    const response = this.response as ServerResponse
    response.off('finish', this.#onFinish)
    release(response)
  }

  readonly #onEnd = (): void => {
    if (!this.response.writableEnded) this.#socket.destroy()
  }

  readonly #onFinish = (): void => this.closed()
}

function responseOn(request: IncomingMessage, socket: Duplex): ServerResponse {
  const response = bareResponse(request, socket)
  if (response) return response
  throw new BadRequestError(
    'An upgrade was asked for before the answers to earlier requests were out',
  )
}

/**
 * The body of a request that asks for an upgrade. Newer versions of Node.js read it as that of any other request; older ones leave
 * it in the socket, and take the request for complete.
 *
 * @throws {@link BadRequestError} for one that can't be told from what follows it
 */
export function upgradeBody(
  request: IncomingMessage,
  socket: Duplex,
  early: EarlyBytes,
  fields: RequestFields,
  websocket: boolean,
): Readable | Buffer | null {
  const { framing, contentLength } = fields
  if (framing === 'none' || contentLength === '0') return null
  if (websocket) throw new BadRequestError('A WebSocket handshake has no body: leave it out')
  if (!request.complete || request.readableLength > 0) {
    return requestBody(request, framing, contentLength)
  }
  if (framing === 'length') return new SocketBody(socket, early.take(), Number(contentLength))
  throw new BadRequestError(
    "A chunked body can't be read where an upgrade is asked for: leave Upgrade out",
  )
}

/** A body of known length that still is in its socket. */
class SocketBody extends Readable {
  readonly #socket: Duplex
  #head: Buffer | undefined
  #left: number

  constructor(socket: Duplex, head: Buffer, length: number) {
    super()
    this.#socket = socket
    this.#head = head
    this.#left = length
  }

  override _read(): void {
    const head = this.#head
    if (head) {
      this.#head = undefined
      this.#socket.on('data', this.#take).on('close', this.#onClose)
      if (head.length > 0) {
        this.#take(head)
        return
      }
    }
    this.#socket.resume()
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#socket.off('data', this.#take).off('close', this.#onClose)
    callback(error)
  }

  readonly #take = (chunk: Buffer): void => {
    const part = chunk.length > this.#left ? chunk.subarray(0, this.#left) : chunk
    this.#left -= part.length
    if (!this.push(part)) this.#socket.pause()
    if (this.#left === 0) {
      this.#socket.off('data', this.#take).off('close', this.#onClose)
      this.push(null)
    }
  }

  readonly #onClose = (): void => {
    this.destroy(new Error('The client went away while it was sending'))
  }
}

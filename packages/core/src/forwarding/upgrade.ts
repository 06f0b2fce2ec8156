import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Dispatcher } from 'undici'
import { BadRequestError } from '../errors.js'
import { bareResponse, release } from './bare-response.js'
import { removeLength } from './interim.js'
import type { Passage } from './passage.js'
import { responseFields } from './response-headers.js'
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
    const { lease, to, outcome } = this.passage
    const fields = responseFields(controller.rawHeaders as Buffer[], this.passage)
    removeLength(fields)
    const { flat } = fields
    if (to.setCookie) for (const cookie of to.setCookie) flat.push('Set-Cookie', cookie)
    let answer = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n'
    for (let i = 0; i < flat.length; i += 2) answer += `${flat[i]}: ${flat[i + 1]}\r\n`
    this.over = true
    this.detach()
    this.#socket.write(`${answer}\r\n`, 'latin1')
    const tunnel = new Tunnel(this.#socket, upstream, lease)
    void this.#tunnels.run(tunnel).finally(() => outcome.done())
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

import { type ChannelListener, subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { Socket } from 'node:net'

/** Sees what undici has open, by its diagnostics channels. */
export class UpstreamWatch implements Disposable {
  /** Requests that are under way. */
  readonly requests = new Set<unknown>()
  readonly sockets = new Set<Socket>()
  readonly #channels: Readonly<Record<string, ChannelListener>> = {
    'undici:request:create': (message) => this.requests.add(requestOf(message)),
    'undici:request:trailers': (message) => this.requests.delete(requestOf(message)),
    'undici:request:error': (message) => this.requests.delete(requestOf(message)),
    'undici:client:connected': (message) => {
      const { socket } = message as { readonly socket: Socket }
      this.sockets.add(socket)
      socket.once('close', () => this.sockets.delete(socket))
    },
  }

  constructor() {
    for (const [name, listener] of Object.entries(this.#channels)) subscribe(name, listener)
  }

  [Symbol.dispose](): void {
    for (const [name, listener] of Object.entries(this.#channels)) unsubscribe(name, listener)
  }
}

function requestOf(message: unknown): unknown {
  return (message as { readonly request: unknown }).request
}

import type { TLSSocket } from 'node:tls'
import type { RequestHead } from '../routing/router.js'
import type { FrontRequest } from '../forwarding/messages.js'

/** What routers and `authorize` see of a request; read when asked for. */
export class HeadOfRequest implements RequestHead {
  constructor(private readonly request: FrontRequest) {}

  get method(): string {
    return this.request.method ?? 'GET'
  }

  get target(): string {
    return this.request.url ?? '/'
  }

  get host(): string {
    const { headers } = this.request
    return (headers[':authority'] as string | undefined) ?? headers.host ?? ''
  }

  get remoteAddress(): string {
    return this.request.socket.remoteAddress ?? ''
  }

  get localPort(): number | undefined {
    return this.request.socket.localPort
  }

  get encrypted(): boolean {
    return (this.request.socket as Partial<TLSSocket>).encrypted === true
  }

  header(name: string): string | undefined {
    const value = this.request.headers[name]
    return Array.isArray(value) ? value.join(', ') : value
  }
}

import { once } from 'node:events'
import {
  connect as connectHttp2,
  type IncomingHttpHeaders,
  type IncomingHttpStatusHeader,
  type OutgoingHttpHeaders,
} from 'node:http2'
import { request as httpRequest } from 'node:https'
import { text } from 'node:stream/consumers'
import { connect } from 'node:tls'
import { authority } from '../../packages/core/src/environment/certificates.fixture.ts'

/** An answer, as a whole. */
export interface SecureAnswer {
  /** What ALPN has settled on. */
  readonly protocol: string | false | null
  readonly status: number
  readonly headers: Readonly<Record<string, unknown>>
  readonly body: string
}

/** What is asked for. */
export interface SecureRequest {
  readonly host: string
  readonly path?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}

/** Where the name leads, for clients that trust the test's authority: `*.dev.localhost` is nobody's to look up. */
export function trusted(port: number, host: string) {
  return { host: '127.0.0.1', port, servername: host.replace(/:\d+$/, ''), ca: authority }
}

/** Asks over HTTP/1.1. */
export function askHttp1(port: number, request: SecureRequest): Promise<SecureAnswer> {
  const { host, path = '/', headers = {}, body } = request
  return new Promise((resolve, reject) => {
    const method = body === undefined ? 'GET' : 'POST'
    const options = { ...trusted(port, host), agent: false as const, method, path }
    const asked = httpRequest({ ...options, headers: { host, ...headers } }, (response) => {
      const { statusCode: status = 0, headers: fields } = response
      const protocol = (response.socket as { alpnProtocol?: string | false }).alpnProtocol ?? null
      text(response).then(
        (whole) => resolve({ protocol, status, headers: fields, body: whole }),
        reject,
      )
    })
    asked.once('error', reject).end(body)
  })
}

/** Asks over HTTP/2. */
export async function askHttp2(port: number, request: SecureRequest): Promise<SecureAnswer> {
  const { host, path = '/', headers = {}, body } = request
  const socket = connect({ ...trusted(port, host), ALPNProtocols: ['h2'] })
  const session = connectHttp2(`https://${host}`, { createConnection: () => socket })
  try {
    const method = body === undefined ? 'GET' : 'POST'
    const named: OutgoingHttpHeaders = { ':authority': host, ':method': method, ':path': path }
    const stream = session.request({ ...named, ...headers })
    stream.end(body)
    const [fields] = (await once(stream, 'response')) as [
      IncomingHttpHeaders & IncomingHttpStatusHeader,
    ]
    const whole = await text(stream)
    return {
      protocol: socket.alpnProtocol,
      status: fields[':status'] ?? 0,
      headers: fields,
      body: whole,
    }
  } finally {
    session.destroy()
  }
}

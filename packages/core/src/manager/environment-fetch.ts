import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { ConnectionOptions } from 'node:tls'
import {
  Agent,
  type buildConnector,
  type Dispatcher,
  fetch,
  type RequestInit,
  type Response,
} from 'undici'
import { authorityOf } from '../environment/endpoint.js'
import { UpstreamBrokenError, quote } from '../errors.js'
import type { Lease } from '../instance/lease.js'
import { dialTarget } from '../readiness/dial.js'
import { secured } from '../readiness/secured.js'

/** How long a connection may take, TLS included. */
const connectTimeoutMs = 10_000

/** How to get to what a lease is for. */
export interface Way {
  /** What `tls.connect()` has to know; `undefined` where there is no TLS. */
  tls(): ConnectionOptions | undefined
  dial(signal: AbortSignal): Promise<Duplex>
}

/** Passes everything on, and says when the answer has been read, given up, or has failed. */
class EndHandler implements Dispatcher.DispatchHandler {
  constructor(
    private readonly handler: Dispatcher.DispatchHandler,
    private readonly ended: () => void,
  ) {}

  onRequestStart(
    ...args: Parameters<NonNullable<Dispatcher.DispatchHandler['onRequestStart']>>
  ): void {
    this.handler.onRequestStart?.(...args)
  }

  onResponseStart(
    ...args: Parameters<NonNullable<Dispatcher.DispatchHandler['onResponseStart']>>
  ): void {
    this.handler.onResponseStart?.(...args)
  }

  onResponseData(
    ...args: Parameters<NonNullable<Dispatcher.DispatchHandler['onResponseData']>>
  ): void {
    this.handler.onResponseData?.(...args)
  }

  onResponseEnd(
    ...args: Parameters<NonNullable<Dispatcher.DispatchHandler['onResponseEnd']>>
  ): void {
    this.ended()
    this.handler.onResponseEnd?.(...args)
  }

  onResponseError(
    ...args: Parameters<NonNullable<Dispatcher.DispatchHandler['onResponseError']>>
  ): void {
    this.ended()
    this.handler.onResponseError?.(...args)
  }
}

/** `fetch` to the endpoint of a lease, which is released with the end of the last answer. */
export async function fetchFrom(
  lease: Lease,
  path: string,
  init: RequestInit,
  way: Way,
): Promise<Response> {
  const over = new AbortController()
  // One request on a connection of its own: nothing is left open after it.
  const agent = new Agent({ pipelining: 0, connections: 1, connect: connector(way, over.signal) })
  let underWay = 0
  let answered = false
  const endIfDone = (): void => {
    // Until `fetch` has answered, the end of an answer may be that of a redirect which it follows.
    if (!answered || underWay > 0) return
    lease.release()
    // Not awaited: it resolves after this very request.
    agent.close().catch(() => {})
  }
  const ended = (): void => {
    underWay -= 1
    endIfDone()
  }
  try {
    const origin = originOf(lease)
    const dispatcher = agent.compose((dispatch) => (options, handler) => {
      if (String(options.origin) !== origin) {
        throw new UpstreamBrokenError(
          `A fetch from environment ${quote(lease.id)} was led to ${quote(options.origin)}, which is none of it; to see a redirect, fetch with \`redirect: 'manual'\``,
          { id: lease.id },
        )
      }
      underWay += 1
      return dispatch(options, new EndHandler(handler, ended))
    })
    const response = await fetch(new URL(path, origin), { redirect: 'manual', ...init, dispatcher })
    answered = true
    endIfDone()
    return response
  } catch (error) {
    lease.release()
    // A request that waits for its connection does not hear of its abort.
    over.abort()
    agent.destroy().catch(() => {})
    throw error
  }
}

/** Connects through the way's own `dial`, whatever the origin: there is no other place that this may lead to. */
function connector(way: Way, over: AbortSignal): buildConnector.connector {
  return (_options, callback) => {
    // What is dialled lives no longer than the signal: neither may end with a time that is for connecting alone.
    const attempt = new AbortController()
    const abort = (): void => attempt.abort(over.reason)
    if (over.aborted) abort()
    over.addEventListener('abort', abort, { once: true })
    const timer = setTimeout(() => {
      attempt.abort(new DOMException(`No connection within ${connectTimeoutMs} ms`, 'TimeoutError'))
    }, connectTimeoutMs)
    open(way, attempt.signal)
      .finally(() => {
        clearTimeout(timer)
        over.removeEventListener('abort', abort)
      })
      .then(
        // undici asks no more of a connection than a Duplex has, but for its type.
        (connection) => callback(null, connection as Socket),
        (error: unknown) => callback(error as Error, null),
      )
  }
}

async function open(way: Way, signal: AbortSignal): Promise<Duplex> {
  const tls = way.tls()
  return secured(await dialTarget(way, signal), tls, signal)
}

function originOf({ endpoint }: Lease): string {
  const scheme = endpoint.tls ? 'https' : 'http'
  if (endpoint.kind !== 'tcp') return `${scheme}://localhost`
  const { host, port } = endpoint
  return new URL(`${scheme}://${authorityOf(host, port)}`).origin
}

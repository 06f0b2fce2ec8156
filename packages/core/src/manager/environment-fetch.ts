import type { Duplex } from 'node:stream'
import type { Socket } from 'node:net'
import { Agent, type Dispatcher, fetch, type RequestInit, type Response } from 'undici'
import type { Lease } from '../instance/lease.js'

/** Passes everything on, and says when the answer has been read, given up, or has failed. */
class EndHandler implements Dispatcher.DispatchHandler {
  constructor(
    private readonly handler: Dispatcher.DispatchHandler,
    private readonly done: () => void,
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
    this.done()
    this.handler.onResponseEnd?.(...args)
  }

  onResponseError(
    ...args: Parameters<NonNullable<Dispatcher.DispatchHandler['onResponseError']>>
  ): void {
    this.done()
    this.handler.onResponseError?.(...args)
  }
}

/** `fetch` to the endpoint of a lease, which is released with the end of the answer. */
export async function fetchFrom(
  lease: Lease,
  path: string,
  init: RequestInit,
  dial: (signal: AbortSignal) => Promise<Duplex>,
): Promise<Response> {
  const { endpoint } = lease
  const over = new AbortController()
  const agent = new Agent({
    // One request on a connection of its own: nothing is left open after it.
    pipelining: 0,
    connections: 1,
    connect:
      endpoint.kind === 'unix'
        ? { socketPath: endpoint.path }
        : endpoint.kind === 'tcp'
          ? { host: endpoint.host, port: endpoint.port }
          : (_options, callback) => {
              dial(over.signal).then(
                // undici asks no more of a connection than a Duplex has, but for its type.
                (socket) => callback(null, socket as Socket),
                (error: unknown) => callback(error as Error, null),
              )
            },
  })
  const done = (): void => {
    lease.release()
    over.abort()
    // Not awaited: it resolves after this very request.
    agent.close().catch(() => {})
  }
  const dispatcher = agent.compose(
    (dispatch) => (options, handler) => dispatch(options, new EndHandler(handler, done)),
  )
  const scheme = endpoint.tls ? 'https' : 'http'
  const host = endpoint.kind === 'tcp' ? hostOf(endpoint.host, endpoint.port) : 'localhost'
  try {
    return await fetch(new URL(path, `${scheme}://${host}`), {
      redirect: 'manual',
      ...init,
      dispatcher,
    })
  } catch (error) {
    done()
    throw error
  }
}

function hostOf(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

import type { Socket } from 'node:net'
import type { ConnectionOptions } from 'node:tls'
import { type buildConnector, Client, type Dispatcher } from 'undici'
import { dialTarget } from './dial.js'
import type { ReadinessTarget } from './probe.js'
import { secured } from './secured.js'

// A program that is cut off while it writes may print a stack trace: let it finish what does not take long.
const drainMs = 250

/** What a probe asks for. */
export interface ProbeRequest {
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly tls: ConnectionOptions | undefined
}

/** Asks once, on a connection of its own that is closed afterwards; resolves to the status of the final answer. */
export async function statusOf(
  target: ReadinessTarget,
  request: ProbeRequest,
  signal: AbortSignal,
): Promise<number> {
  const client = new Client('http://localhost', {
    connect: connector(target, request.tls, signal),
    headersTimeout: 0,
    bodyTimeout: 0,
    allowH2: false,
  })
  const abort = (): void => void client.destroy()
  signal.addEventListener('abort', abort, { once: true })
  try {
    return await dispatch(client, request)
  } finally {
    signal.removeEventListener('abort', abort)
    await client.destroy()
  }
}

function dispatch(client: Client, { path, headers }: ProbeRequest): Promise<number> {
  return new Promise((resolve, reject) => {
    let status = 0
    let timer: NodeJS.Timeout | undefined
    const answered = (): void => {
      clearTimeout(timer)
      resolve(status)
    }
    const handler: Dispatcher.DispatchHandler = {
      // undici wants to have this one and onResponseData().
      onRequestStart() {},
      onResponseStart(_controller, statusCode) {
        if (statusCode < 200) return
        status = statusCode
        timer = setTimeout(answered, drainMs)
      },
      onResponseData() {},
      onResponseEnd: answered,
      onResponseError(_controller, error) {
        clearTimeout(timer)
        reject(error)
      },
    }
    client.dispatch({ path, method: 'GET', headers: { ...headers }, reset: true }, handler)
  })
}

/** Connects undici through the target's own `dial`, so that endpoints of all kinds are asked in the same way. */
function connector(
  target: ReadinessTarget,
  tls: ConnectionOptions | undefined,
  signal: AbortSignal,
): buildConnector.connector {
  return (_options, callback) => {
    dialTarget(target, signal)
      .then((connection) => secured(connection, tls, signal))
      .then(
        // undici asks no more of a connection than a Duplex has, but for its type.
        (connection) => callback(null, connection as Socket),
        (error: unknown) => callback(error as Error, null),
      )
  }
}

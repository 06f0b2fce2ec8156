import { request, type RequestOptions } from 'node:http'
import type { Duplex } from 'node:stream'
import { setTimeout as pause } from 'node:timers/promises'
import type { Endpoint } from '../environment/endpoint.js'

/** Opens connections to a `dial` endpoint. */
export type Dial = (signal: AbortSignal) => Promise<Duplex>

/** Asks an endpoint once for `/`; resolves to the status of its answer. */
export async function answerOf(
  endpoint: Endpoint,
  dial: Dial | undefined,
  signal: AbortSignal,
): Promise<number> {
  const options = await connectionTo(endpoint, dial, signal)
  return new Promise((resolve, reject) => {
    const headers = { host: 'localhost', connection: 'close' }
    const asked = request({ ...options, path: '/', headers, signal }, (response) => {
      response.resume()
      response.once('close', () => resolve(response.statusCode ?? 0))
      response.once('error', reject)
    })
    asked.once('error', reject)
    asked.end()
  })
}

/** Asks an endpoint until it answers. */
export async function answerInTime(
  endpoint: Endpoint,
  dial: Dial | undefined,
  signal: AbortSignal,
): Promise<number> {
  for (;;) {
    try {
      // eslint-disable-next-line no-await-in-loop -- one request after another
      return await answerOf(endpoint, dial, signal)
    } catch (error) {
      if (signal.aborted || error instanceof TypeError) throw error
      // eslint-disable-next-line no-await-in-loop -- as above
      await pause(10)
    }
  }
}

async function connectionTo(
  endpoint: Endpoint,
  dial: Dial | undefined,
  signal: AbortSignal,
): Promise<RequestOptions> {
  if (endpoint.tls) throw new TypeError('The conformance suite does not speak TLS')
  switch (endpoint.kind) {
    case 'tcp':
      return { host: endpoint.host, port: endpoint.port, agent: false }
    case 'unix':
      return { socketPath: endpoint.path, agent: false }
    case 'dial': {
      if (!dial) throw new TypeError('An endpoint of the kind "dial" needs a spawner with `dial`')
      const connection = await dial(signal)
      return { createConnection: () => connection }
    }
  }
}

import type { Duplex } from 'node:stream'
import type { ConnectionOptions } from 'node:tls'
import type { Endpoint } from '../environment/endpoint.js'

/** Why readiness is asked for. */
export type ReadinessCause = 'started' | 'recovered' | 'resumed' | 'moved'

/** What a probe may look at. */
export interface ReadinessTarget {
  readonly endpoint: Endpoint
  readonly cause: ReadinessCause
  /** What the instance has printed from its start on, and prints until it is gone. */
  readonly lines: AsyncIterable<string>
  /**
   * What `tls.connect()` has to know to make TLS of a dialled connection, of `upstreamTls` and `tlsSecrets`; `undefined` where the
   * endpoint has no TLS. Throws an UpstreamCertificateError where its secret is not there.
   */
  readonly tls: ConnectionOptions | undefined
  /** Opens a plain connection to the endpoint, of whichever kind; the caller destroys it. */
  dial(signal: AbortSignal): Promise<Duplex>
}

/** Decides when an instance can serve. */
export interface ReadinessProbe {
  /**
   * Resolves when the target is ready, and tries until then: core aborts `signal` at the timeout, and at once when the
   * instance is gone.
   */
  ready(target: ReadinessTarget, signal: AbortSignal): Promise<void>
}

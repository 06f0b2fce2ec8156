import type { Endpoint } from '../../environment/endpoint.js'
import { resolveUpstreamTls, type UpstreamTlsOptions } from '../../environment/upstream-tls.js'
import { FakeLease } from './fake-lease.js'
import { Front, type FrontOptions } from './front.js'

/** A front before an endpoint, with what a manager would make of options for TLS. */
export function tlsFront(
  endpoint: Endpoint | FakeLease,
  options: UpstreamTlsOptions,
  more: FrontOptions = {},
): Promise<Front> {
  const tlsFor = resolveUpstreamTls(options)
  return Front.listen(endpoint instanceof FakeLease ? endpoint : new FakeLease(endpoint), {
    tls: (lease) => tlsFor(lease.endpoint, lease.id),
    ...more,
  })
}

export { devEnvProxy, type DevEnvProxyOptions } from './dev-env-proxy.js'

export type { EnvironmentLoad, LoadReport } from './admission/load-report.js'
export type { AdmissionOptions, EnvironmentLimits, RateLimit } from './admission/options.js'

export type { Authorization, Authorize, CrossSiteStarts } from './gateway/authorization.js'
export { type ShouldWake, wakesByDefault } from './gateway/waking.js'
export type { UpgradableServer } from './gateway/attachment.js'
export type { EnvironmentPort } from './gateway/environment-ports.js'
export { createGateway, type Gateway } from './gateway/gateway.js'
export type {
  FrontRequest as GatewayRequest,
  FrontResponse as GatewayResponse,
} from './forwarding/messages.js'
export type {
  ForwardingOptions,
  GatewayOptions,
  OnError,
  SharedManagerOptions,
} from './gateway/options.js'
export type { CookieRewrite } from './forwarding/cookie-attributes.js'
export type { HeaderFields } from './forwarding/header-fields.js'
export type { ForwardingHooks, IncomingResponse, OutgoingRequest } from './forwarding/hooks.js'
export type { TrustProxy } from './forwarding/trust.js'

export { Environment, type StopOptions } from './manager/environment.js'
export type { Explanation } from './manager/explanation.js'
export type { HostMemory } from './manager/host-memory.js'
export { type AcquireOptions, type Diagnosis, EnvironmentManager } from './manager/manager.js'
export type { Eviction, EvictionVerdict, ManagerOptions } from './manager/options.js'
export type { BackOffPolicy } from './instance/back-off.js'
export type { Lease, LeaseKind, RevokeReason } from './instance/lease.js'

export { assertEnvironmentId, type EnvironmentId, isEnvironmentId } from './environment/id.js'
export type { Endpoint, EndpointTls } from './environment/endpoint.js'
export type { Json, Policy, Spec, SpecFor, SpecRequest } from './environment/spec.js'
export type { Preparation, PreparationContext } from './environment/preparation.js'
export type { State } from './environment/state.js'
export type { WarmHours, Weekday } from './environment/warm-hours.js'
export type { UpstreamTls, UpstreamTlsOptions } from './environment/upstream-tls.js'

export { asRouter, type Route } from './routing/as-router.js'
export { baggageRouter, type BaggageRouterOptions } from './routing/baggage.js'
export { cookieRouter, type CookieRouterOptions } from './routing/cookie.js'
export { firstMatch } from './routing/first-match.js'
export { headerRouter, type HeaderRouterOptions } from './routing/header.js'
export { pathRouter, type PathRouterOptions } from './routing/path.js'
export { portRouter, type PortRouter } from './routing/port.js'
export { queryRouter, type QueryRouterOptions } from './routing/query.js'
export type * from './routing/router.js'
export { subdomainRouter, type SubdomainRouterOptions } from './routing/subdomain.js'

export { allOf } from './readiness/all-of.js'
export { httpReadiness, type HttpReadinessOptions } from './readiness/http.js'
export { logLineReadiness, type LogLineReadinessOptions } from './readiness/log-line.js'
export type * from './readiness/probe.js'
export { tcpReadiness, type TcpReadinessOptions } from './readiness/tcp.js'

export { inProcessSpawner, type InProcessSpawnerOptions } from './spawning/in-process.js'
export type { InProcessContext } from './spawning/in-process-instance.js'
export type { InProcessApp } from './spawning/in-process-server.js'
export { defaultInheritEnv } from './spawning/process/environment-variables.js'
export type { ProcessSpawnerOptions } from './spawning/process/options.js'
export {
  preparedFolder,
  type PreparedFolderOptions,
  type PreparationStep,
} from './spawning/process/prepared-folder.js'
export type { Prewarm } from './spawning/process/prewarm/prewarm-option.js'
export { processSpawner } from './spawning/process/process-spawner.js'
export type { ListenMode, ProcessRun } from './spawning/process/run.js'
export type { ProcessHandle } from './spawning/process/run-folder.js'
export type * from './spawning/spawner.js'
export { type StaticEndpoint, type StaticRun, staticSpawner } from './spawning/static.js'

export type * from './coordination/coordinator.js'
export { inMemoryCoordinator } from './coordination/in-memory.js'

export { type Clock, systemClock, type Timer } from './clock.js'
export * from './errors.js'
export * from './limit-errors.js'
export type * from './events.js'

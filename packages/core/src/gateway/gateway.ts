import type { LoadReport } from '../admission/load-report.js'
import type { EnvironmentId } from '../environment/id.js'
import type { EnvironmentManager } from '../manager/manager.js'
import type { UpgradableServer } from './attachment.js'
import { Doorman } from './doorman.js'
import type { EnvironmentPort } from './environment-ports.js'
import type { FrontRequest, FrontResponse } from '../forwarding/messages.js'
import type { GatewayOptions, SharedManagerOptions } from './options.js'

/** A gateway: a request listener, a middleware of the `(req, res, next)` kind, and what goes with it. */
export interface Gateway extends AsyncDisposable {
  /** Resolves when the request is answered; a request that names no environment goes to `next`, or gets 404 without one. */
  (request: FrontRequest, response: FrontResponse, next?: () => void): Promise<void>
  readonly manager: EnvironmentManager
  /**
   * Takes the upgrades of a server (WebSockets); needed only for those that come before the first request. Idempotent.
   *
   * @example
   * ```ts
   * const server = app.listen(8080)
   * proxy.attach(server)
   * ```
   */
  attach(server: UpgradableServer): void
  /**
   * Opens a port at which everything goes to one environment, for clients that can name none.
   *
   * @throws {@link InvalidIdError}; the server's own error where the port can't be had.
   */
  listenFor(
    id: EnvironmentId,
    options?: { readonly port?: number; readonly host?: string },
  ): Promise<EnvironmentPort>
  /** What there is to do: places in use, requests that wait, how late the event loop is, and who was turned away why. */
  load(): LoadReport
  /**
   * Lets go of servers and ports, and closes the manager where the gateway has made it, once what is in use is done or
   * `drainMs` are over (5,000 by default). Idempotent.
   */
  close(options?: { readonly drainMs?: number }): Promise<void>
}

/**
 * Makes a gateway, for `node:http`, `node:http2` or any framework with middleware of their kind.
 *
 * @throws {@link InvalidOptionError} on an option that is unknown or makes no sense.
 * @example
 * ```ts
 * const gateway = createGateway({
 *   router: headerRouter(),
 *   spawner: staticSpawner(),
 *   specFor: () => ({ run: { endpoint: { kind: 'tcp', host: '127.0.0.1', port: 3000 } } }),
 * })
 * const server = createServer(gateway).listen(8080)
 * gateway.attach(server)
 * ```
 */
export function createGateway(options: GatewayOptions | SharedManagerOptions): Gateway {
  return gatewayOf(new Doorman(options, 'createGateway()'))
}

/** Makes the callable of a doorman. */
export function gatewayOf(doorman: Doorman): Gateway {
  const gateway = (
    request: FrontRequest,
    response: FrontResponse,
    next?: () => void,
  ): Promise<void> => doorman.request(request, response, next)
  return Object.assign(gateway, {
    manager: doorman.manager,
    attach: (server: UpgradableServer) => doorman.attach(server),
    listenFor: (id: EnvironmentId, where: { port?: number; host?: string } = {}) =>
      doorman.listenFor(id, where),
    load: () => doorman.load(),
    close: (how: { drainMs?: number } = {}) => doorman.close(how),
    [Symbol.asyncDispose]: () => doorman.close({ drainMs: 0 }),
  })
}

import { type DevEnvProxyOptions, devEnvProxy as coreProxy, type Gateway } from '@alcove/core'
import type { RequestHandler } from 'express'

/** Express middleware, with the gateway's own `manager`, `attach`, `listenFor` and `close`. */
export type ExpressProxy = RequestHandler & Pick<Gateway, keyof Gateway>

/**
 * Makes the middleware: a request that names an environment is answered by it, any other goes to the next handler.
 *
 * WebSockets work from the first request on, or at once with `proxy.attach(server)`. Mount it before body parsers such as
 * `express.json()`: an environment gets the body as it came.
 *
 * @throws {@link InvalidOptionError} on an option that is unknown or makes no sense.
 * @example
 * ```ts
 * const app = express()
 * app.use(devEnvProxy())
 * app.listen(8080)
 * ```
 */
export function devEnvProxy(options?: DevEnvProxyOptions): ExpressProxy {
  const gateway = coreProxy(options)
  const handler: RequestHandler = (request, response, next) => {
    void gateway(request, response, next)
  }
  const { manager, attach, listenFor, load, close } = gateway
  return Object.assign(handler, {
    manager,
    attach,
    listenFor,
    load,
    close,
    [Symbol.asyncDispose]: gateway[Symbol.asyncDispose],
  })
}

import { type DevEnvProxyOptions, devEnvProxy as coreProxy, type Gateway } from '@alcove/core'
import type { Middleware } from 'koa'

/** Koa middleware, with the gateway's own `manager`, `attach`, `listenFor` and `close`. */
export type KoaProxy = Middleware & Pick<Gateway, keyof Gateway>

/**
 * Makes the middleware: a request that names an environment is answered by it, any other goes to the next middleware.
 *
 * WebSockets work from the first request on, or at once with `proxy.attach(server)`. Mount it before body parsers: an
 * environment gets the body as it came.
 *
 * @throws {@link InvalidOptionError} on an option that is unknown or makes no sense.
 * @example
 * ```ts
 * const app = new Koa()
 * app.use(devEnvProxy())
 * app.listen(8080)
 * ```
 */
export function devEnvProxy(options?: DevEnvProxyOptions): KoaProxy {
  const gateway = coreProxy(options)
  const middleware: Middleware = (context, next) => {
    let passedOn: Promise<unknown> | undefined
    // The gateway writes its answers itself; Koa would write its own over them.
    context.respond = false
    const answered = gateway(context.req, context.res, () => {
      context.respond = true
      passedOn = next()
    })
    return answered.then(() => passedOn)
  }
  const { manager, attach, listenFor, load, close } = gateway
  return Object.assign(middleware, {
    manager,
    attach,
    listenFor,
    load,
    close,
    [Symbol.asyncDispose]: gateway[Symbol.asyncDispose],
  })
}

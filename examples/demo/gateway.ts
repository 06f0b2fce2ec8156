import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { EnvironmentManager } from '@alcove/core'
import { devEnvProxy } from '@alcove/express-adapter'
import express from 'express'
import type { DemoEnvironments } from './environments.ts'
import { landingPage } from './landing-page.ts'

/** A running gateway. */
export interface DemoGateway {
  readonly port: number
  readonly manager: EnvironmentManager
  /** Ends the environments, and then the gateway. */
  close(): Promise<void>
}

/** An Express application of which Alcove is one part: http://<name>.localhost is an environment, the rest its own. */
export async function startGateway(
  environments: DemoEnvironments,
  options: { readonly port: number; readonly idleTimeoutMs: number },
): Promise<DemoGateway> {
  const proxy = devEnvProxy({
    specFor: ({ id }) => environments.get(id)?.spec,
    idleTimeoutMs: options.idleTimeoutMs,
    showLogs: true,
  })

  const app = express()
  app.use(proxy)
  app.get('/', (_request, response) => {
    response.send(landingPage(environments, proxy.manager, port()))
  })

  const server = createServer(app)
  const port = (): number => (server.address() as AddressInfo).port
  // Without it, WebSockets would work from the first request on.
  proxy.attach(server)
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      // For this machine alone.
      server.listen(options.port, '127.0.0.1', resolve)
    })
  } catch (error) {
    await proxy.close()
    throw error
  }

  return {
    port: port(),
    manager: proxy.manager,
    async close() {
      const closed = new Promise((resolve) => server.close(resolve))
      await proxy.close({ drainMs: 500 })
      // Browsers keep connections open for their next request.
      server.closeAllConnections()
      await closed
    },
  }
}

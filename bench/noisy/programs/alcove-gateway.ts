// alcove-gateway.ts <routes> <limits | no limits>
import { createServer } from 'node:http'
import { createGateway, headerRouter, staticSpawner } from '@alcove/core'
import { listen } from './listen.ts'
import { environmentField, routesOf } from './routes.ts'

const [, , word, limits] = process.argv
const routes = routesOf(word)

/** What "with limits off" means; with limits, Alcove is as it comes. */
const noLimits = {
  maxInFlight: Infinity,
  maxQueued: Infinity,
  maxStreams: Infinity,
  maxLoopLagMs: Infinity,
}

const gateway = createGateway({
  router: headerRouter({ name: environmentField }),
  spawner: staticSpawner(),
  specFor: ({ id }) => ({
    run: { endpoint: { kind: 'tcp', host: '127.0.0.1', port: routes.get(id) ?? 0 } },
  }),
  ...(limits === 'no limits' && noLimits),
})
const server = createServer((request, response) => void gateway(request, response))
gateway.attach(server)
listen(server)

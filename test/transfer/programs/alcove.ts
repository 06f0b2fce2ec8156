// alcove.ts <port of the environment> <http1 | http2> [core, where it is not the built one]
import { createServer } from 'node:http'
import { createServer as createHttp2Server } from 'node:http2'
import { listen } from './listen.ts'

const [port, front, core = '@alcove/core'] = process.argv.slice(2)
const { createGateway, staticSpawner } = (await import(core)) as typeof import('@alcove/core')

const gateway = createGateway({
  router: () => ({ is: 'environment', id: 'one' }),
  spawner: staticSpawner(),
  specFor: () => ({ run: { endpoint: { kind: 'tcp', host: '127.0.0.1', port: Number(port) } } }),
})
const server =
  front === 'http2'
    ? createHttp2Server((request, response) => void gateway(request, response))
    : createServer((request, response) => void gateway(request, response))
gateway.attach(server)

// Only where --expose-gc has been given.
const { gc } = globalThis
if (gc) setInterval(() => gc({ type: 'minor' }), 5)

listen(server)

// Alcove in node:http.
import { createServer } from 'node:http'
import { devEnvProxy } from '@alcove/core'
import { createKnown, listenTo, options } from './alcove-options.ts'
import { serveServer } from './serve.ts'

const gateway = devEnvProxy(options)
listenTo(gateway.manager)
await createKnown(gateway.manager)
const server = createServer((request, response) => void gateway(request, response))
gateway.attach(server)
serveServer(server)

// http-proxy.ts <port of the environment>
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createRequire } from 'node:module'
import { listen } from './listen.ts'

/** The part that is used here of what has no types of its own. */
interface HttpProxy {
  createProxyServer(options: object): {
    on(event: 'error', listener: () => void): void
    web(request: IncomingMessage, response: ServerResponse): void
  }
}

const { createProxyServer } = createRequire(import.meta.url)('http-proxy') as HttpProxy
// With what a gateway in front of development servers has to add.
const proxy = createProxyServer({ target: `http://127.0.0.1:${process.argv[2]}`, xfwd: true })
// Without it, the end of a connection would end the process.
proxy.on('error', () => {})
listen(createServer((request, response) => proxy.web(request, response)))

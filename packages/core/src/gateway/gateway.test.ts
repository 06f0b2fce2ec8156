import { once } from 'node:events'
import { createServer } from 'node:http'
import { describe, it } from 'vitest'
import { describeAdapter } from '../testing/adapter-conformance.js'
import { createGateway } from './gateway.js'

describeAdapter({ describe, it }, 'node:http', {
  async mount(options, { bodyParser }) {
    const proxy = createGateway(options)
    const server = createServer((request, response) => {
      const forward = (): void => {
        void proxy(request, response, () => response.end(`the host: ${request.url}`))
      }
      if (!bodyParser || request.headers['content-type'] !== 'application/json') return forward()
      request.on('data', () => {})
      request.on('end', forward)
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return { server, proxy }
  },
})

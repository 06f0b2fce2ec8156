// http-proxy-gateway.ts <routes>
//
// http-proxy as its README shows it, with an agent that keeps connections, without which each request opens one.
import { Agent, createServer } from 'node:http'
import httpProxy from 'http-proxy'
import { answerFailure } from '../../../test/forwarding/peers/programs/answer-failure.ts'
import { listen } from './listen.ts'
import { environmentField, routesOf } from './routes.ts'

const routes = routesOf(process.argv[2])
const agent = new Agent({ keepAlive: true, maxFreeSockets: Infinity })
const proxy = httpProxy.createProxyServer({ agent, xfwd: true })
proxy.on('error', (error, _request, response) => answerFailure(error, response))

listen(
  createServer((request, response) => {
    const port = routes.get(String(request.headers[environmentField])) ?? 0
    proxy.web(request, response, { target: `http://127.0.0.1:${port}` })
  }),
)

import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import {
  createSecureServer,
  createServer as createHttp2Server,
  type Http2SecureServer,
  type Http2Server,
} from 'node:http2'
import type { Socket } from 'node:net'
import {
  type DevEnvProxyOptions,
  type EnvironmentManager,
  type Gateway,
  devEnvProxy,
} from '@alcove/core'
import { devEnvProxy as expressProxy } from '@alcove/express-adapter'
import { devEnvProxy as koaProxy } from '@alcove/koa-adapter'
import express from 'express'
import Koa from 'koa'
import { cert, key } from '../../packages/core/src/readiness/certificate.fixture.ts'

/** What the gateway is mounted in. TLS comes with HTTP/2, and with HTTP/1.1 at the same port. */
export type Front = 'node:http' | 'Express 5' | 'Koa 3' | 'HTTP/2' | 'TLS'

type AnyServer = Server | Http2Server | Http2SecureServer
type Proxy = Pick<Gateway, 'attach' | 'close' | 'manager'>

/** The company's gateway: a server with Alcove in it, at a port of 127.0.0.1. */
export class Host implements AsyncDisposable {
  readonly manager: EnvironmentManager
  readonly port: number
  readonly #sockets = new Set<Socket>()
  /** How many connections clients have made. */
  connections = 0

  private constructor(
    readonly front: Front,
    readonly server: AnyServer,
    private readonly proxy: Proxy,
  ) {
    this.manager = proxy.manager
    const address = server.address()
    if (typeof address !== 'object' || address === null) throw new Error('The host has no port')
    this.port = address.port
    server.on('connection', (socket: Socket) => {
      this.connections += 1
      this.#sockets.add(socket)
      socket.once('close', () => this.#sockets.delete(socket))
    })
  }

  static async listen(front: Front, options: DevEnvProxyOptions): Promise<Host> {
    const short = { initialBackOffMs: 50, graceMs: 1000 }
    const { server, proxy } = mount(
      front,
      'manager' in options ? options : { ...short, ...options },
    )
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    proxy.attach(server)
    return new Host(front, server, proxy)
  }

  /** For clients that name the environment in a field. */
  url(path = '/', scheme: 'http' | 'ws' = 'http'): string {
    return `${this.#schemeOf(scheme)}://127.0.0.1:${this.port}${path}`
  }

  /** For clients that know `*.localhost`. */
  urlOf(id: string, path = '/', scheme: 'http' | 'ws' = 'http'): string {
    return `${this.#schemeOf(scheme)}://${id}.localhost:${this.port}${path}`
  }

  /** Connections of clients that are open. */
  get openSockets(): number {
    return this.#sockets.size
  }

  #schemeOf(scheme: 'http' | 'ws'): string {
    return this.front === 'TLS' ? `${scheme}s` : scheme
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.proxy.close({ drainMs: 0 })
    const closed = new Promise((resolve) => this.server.close(resolve))
    for (const socket of this.#sockets) socket.destroy()
    await closed
  }
}

function mount(front: Front, options: DevEnvProxyOptions): { server: AnyServer; proxy: Proxy } {
  if (front === 'Express 5') {
    const proxy = expressProxy(options)
    const app = express().use(proxy, (_request, response) => void response.send('the host'))
    return { server: createServer(app), proxy }
  }
  if (front === 'Koa 3') {
    const proxy = koaProxy(options)
    const app = new Koa().use(proxy).use((context) => {
      context.body = 'the host'
    })
    // It would print each client that leaves.
    app.silent = true
    const listener = app.callback()
    return { server: createServer((request, response) => void listener(request, response)), proxy }
  }
  const proxy = devEnvProxy(options)
  const listener = (...[request, response]: Parameters<Gateway>): void => {
    void proxy(request, response, () => void response.end('the host'))
  }
  if (front === 'HTTP/2') return { server: createHttp2Server(listener), proxy }
  if (front === 'TLS') {
    return { server: createSecureServer({ cert, key, allowHTTP1: true }, listener), proxy }
  }
  return { server: createServer(listener), proxy }
}

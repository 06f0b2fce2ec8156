import { once } from 'node:events'
import { createSecureServer, type Http2SecureServer } from 'node:http2'
import { createServer, type Server } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import { devEnvProxy, type DevEnvProxyOptions, type Gateway } from '@alcove/core'
import { devEnvProxy as expressProxy } from '@alcove/express-adapter'
import { devEnvProxy as koaProxy } from '@alcove/koa-adapter'
import express from 'express'
import Koa from 'koa'
import { wildcardCertificate } from '../../packages/core/src/environment/certificates.fixture.ts'

/** What the gateway is mounted in, at a port with TLS. */
export const fronts = [
  'https',
  'Express 5, https',
  'Koa 3, https',
  'HTTP/2',
  'Koa 3, HTTP/2',
] as const
export type SecureFront = (typeof fronts)[number]

type SecureServer = Server | Http2SecureServer

/** A gateway that ends TLS itself, for *.dev.localhost, at a port of 127.0.0.1. */
export class SecureHost implements AsyncDisposable {
  readonly #server: SecureServer
  readonly #proxy: Pick<Gateway, 'attach' | 'close'>
  readonly #sockets = new Set<Socket>()

  private constructor(front: SecureFront, options: DevEnvProxyOptions) {
    const { server, proxy } = mount(front, options)
    this.#server = server
    this.#proxy = proxy
    server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket)
      socket.once('close', () => this.#sockets.delete(socket))
    })
  }

  static async listen(front: SecureFront, options: DevEnvProxyOptions): Promise<SecureHost> {
    const host = new SecureHost(front, options)
    host.#server.listen(0, '127.0.0.1')
    await once(host.#server, 'listening')
    return host
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  /** Has the gateway take WebSockets before the first request. */
  attach(): void {
    this.#proxy.attach(this.#server)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#proxy.close({ drainMs: 0 })
    const closed = new Promise((resolve) => this.#server.close(resolve))
    for (const socket of this.#sockets) socket.destroy()
    await closed
  }
}

function mount(
  front: SecureFront,
  options: DevEnvProxyOptions,
): { server: SecureServer; proxy: Pick<Gateway, 'attach' | 'close'> } {
  const http2 = { ...wildcardCertificate, allowHTTP1: true }
  switch (front) {
    case 'https':
    case 'HTTP/2': {
      const proxy = devEnvProxy(options)
      const listener = (...[request, response]: Parameters<Gateway>): void => {
        void proxy(request, response, () => void response.end('the host'))
      }
      const server =
        front === 'https'
          ? createServer(wildcardCertificate, listener)
          : createSecureServer(http2, listener)
      return { server, proxy }
    }
    case 'Express 5, https': {
      const proxy = expressProxy(options)
      const app = express().use(proxy, (_request, response) => void response.send('the host'))
      return { server: createServer(wildcardCertificate, app), proxy }
    }
    default: {
      const proxy = koaProxy(options)
      const app = new Koa().use(proxy).use((context) => {
        context.body = 'the host'
      })
      const callback = app.callback()
      const server =
        front === 'Koa 3, https'
          ? createServer(
              wildcardCertificate,
              (request, response) => void callback(request, response),
            )
          : createSecureServer(http2, (request, response) => void callback(request, response))
      return { server, proxy }
    }
  }
}

import { createGateway } from '@alcove/core'
import { devEnvProxy as expressProxy } from '@alcove/express-adapter'
import { devEnvProxy as koaProxy } from '@alcove/koa-adapter'
import express from 'express'
import Koa from 'koa'
import type { Subject } from '../subject.ts'
import { gatewayOptions } from './gateway.ts'
import { listen } from './running.ts'

const targets = ['tcp', 'unix'] as const
const missing = (): undefined => undefined

/** Alcove in every place where it is mounted. */
export const alcove: readonly Subject[] = [
  {
    name: 'Alcove in node:http',
    fronts: ['http1', 'http2'],
    targets,
    missing,
    listen(front, target, settings) {
      const gateway = createGateway(gatewayOptions(target, settings))
      return listen(front, gateway, (request, response) => void gateway(request, response))
    },
  },
  {
    name: 'Alcove in Express 5',
    // Express gives each request and response the prototypes of node:http's, whose methods then look for a socket and for
    // headers that those of node:http2 keep elsewhere: any request over HTTP/2 ends in an uncaught TypeError.
    fronts: ['http1'],
    targets,
    missing,
    listen(front, target, settings) {
      const proxy = expressProxy(gatewayOptions(target, settings))
      return listen(front, proxy, express().use(proxy))
    },
  },
  {
    name: 'Alcove in Koa 3',
    fronts: ['http1', 'http2'],
    targets,
    missing,
    listen(front, target, settings) {
      const proxy = koaProxy(gatewayOptions(target, settings))
      const app = new Koa().use(proxy)
      // It would print that clients leave.
      app.silent = true
      const handle = app.callback()
      return listen(front, proxy, (request, response) => void handle(request, response))
    },
  },
]

import { once } from 'node:events'
import { json } from 'node:stream/consumers'
import { type AdapterFixture, describeAdapter } from '@alcove/core/testing'
import Koa3 from 'koa'
import Koa2 from 'koa2'
import { describe, it } from 'vitest'
import { devEnvProxy } from './index.js'

function fixture(Koa: typeof Koa3): AdapterFixture {
  return {
    async mount(options, { bodyParser }) {
      const proxy = devEnvProxy(options)
      const app = new Koa()
      if (bodyParser) {
        app.use(async (context, next) => {
          if (context.is('json')) context.state['body'] = await json(context.req)
          await next()
        })
      }
      app.use(proxy)
      app.use((context) => {
        context.body = `the host: ${context.path}`
      })
      const server = app.listen(0, '127.0.0.1')
      await once(server, 'listening')
      return { server, proxy }
    },
  }
}

describeAdapter({ describe, it }, 'Koa 3', fixture(Koa3))
describeAdapter({ describe, it }, 'Koa 2', fixture(Koa2 as unknown as typeof Koa3))

import { once } from 'node:events'
import { type AdapterFixture, describeAdapter } from '@alcove/core/testing'
import express5 from 'express'
import express4 from 'express4'
import { describe, it } from 'vitest'
import { devEnvProxy } from './index.js'

function fixture(express: typeof express5): AdapterFixture {
  return {
    async mount(options, { bodyParser }) {
      const proxy = devEnvProxy(options)
      const app = express()
      if (bodyParser) app.use(express.json())
      app.use(proxy)
      app.use((request, response) => {
        response.send(`the host: ${request.path}`)
      })
      const server = app.listen(0, '127.0.0.1')
      await once(server, 'listening')
      return { server, proxy }
    },
  }
}

describeAdapter({ describe, it }, 'Express 5', fixture(express5))
describeAdapter({ describe, it }, 'Express 4', fixture(express4 as unknown as typeof express5))

import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { inProcessSpawner, pathRouter } from '@alcove/core'
import { type AdapterFixture, describeAdapter } from '@alcove/core/testing'
import express5 from 'express'
import express4 from 'express4'
import { describe, expect, it } from 'vitest'
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

it.each([
  ['Express 5', express5],
  ['Express 4', express4 as unknown as typeof express5],
])('%s may mount it below a path: redirects stay there', async (_name, express) => {
  const proxy = devEnvProxy({
    router: pathRouter({ prefix: '/env/' }),
    spawner: inProcessSpawner({ app: () => (request, response) => response.end(request.url) }),
    specFor: () => ({ run: null }),
  })
  const server = express().use('/dev', proxy).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  try {
    const bare = await fetch(`${origin}/dev/env/a?x=1`, { redirect: 'manual' })
    expect([bare.status, bare.headers.get('location')]).toEqual([307, '/dev/env/a/?x=1'])
    const page = await fetch(`${origin}/dev/env/a?x=1`)
    expect(await page.text()).toBe('/?x=1')
  } finally {
    await proxy.close({ drainMs: 0 })
    server.close()
    server.closeAllConnections()
  }
})

import { once } from 'node:events'
import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { afterEach, describe, expect, it } from 'vitest'
import { headerRouter } from '../routing/header.js'
import { requestHead } from '../testing/index.js'
import { inProcessSpawner } from '../spawning/in-process.js'
import { createGateway, type Gateway } from './gateway.js'
import type { GatewayOptions } from './options.js'
import { wakesByDefault } from './waking.js'

describe('wakesByDefault', () => {
  it.each([
    'Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)',
    'Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)',
    'Mozilla/5.0 (compatible; Baiduspider/2.0)',
    'Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)',
    'facebookexternalhit/1.1',
    'WhatsApp/2.23.20.0',
    'Mozilla/5.0+(compatible; UptimeRobot/2.0; http://www.uptimerobot.com/)',
    'Pingdom.com_bot_version_1.4',
    'kube-probe/1.31',
    'ELB-HealthChecker/2.0',
    'GoogleHC/1.0',
    'check_http/v2.3.3 (nagios-plugins 2.3.3)',
    'Prometheus/2.53.0',
    'Consul Health Check',
  ])('is false for %s', (agent) => {
    expect(wakesByDefault(requestHead({ headers: { 'user-agent': agent } }))).toBe(false)
  })

  it.each([
    ['sec-purpose', 'prefetch;prerender'],
    ['purpose', 'prefetch'],
    ['x-purpose', 'preview'],
    ['x-moz', 'prefetch'],
  ])('is false where %s says %s', (name, value) => {
    expect(wakesByDefault(requestHead({ headers: { [name]: value } }))).toBe(false)
  })

  it.each([
    'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36',
    'Mozilla/5.0 (Linux; Android 10; CUBOT_X19 Build/QP1A) AppleWebKit/537.36',
    'Mozilla/5.0 (Linux; Android 11; CUBOT) AppleWebKit/537.36',
    'curl/8.5.0',
    'node',
    'Playwright/1.55',
    'Chrome-Lighthouse',
    '',
  ])('is true for %s', (agent) => {
    expect(wakesByDefault(requestHead({ headers: { 'user-agent': agent } }))).toBe(true)
  })

  it('is true for a request that says nothing of itself', () => {
    expect(wakesByDefault(requestHead({}))).toBe(true)
  })
})

describe('a gateway', () => {
  const gateways: Gateway[] = []
  const servers: ReturnType<typeof createServer>[] = []
  afterEach(async () => {
    await Promise.all(gateways.splice(0).map((gateway) => gateway.close({ drainMs: 0 })))
    for (const server of servers.splice(0)) server.close().closeAllConnections()
  })

  async function open(options: Partial<GatewayOptions> = {}): Promise<{
    readonly gateway: Gateway
    ask(headers?: Record<string, string>): Promise<{ status: number; code: string }>
  }> {
    const gateway = createGateway({
      router: headerRouter(),
      spawner: inProcessSpawner({ app: () => (_request, response) => response.end('{}') }),
      specFor: () => ({ run: null }),
      ...options,
    })
    gateways.push(gateway)
    const server = createServer((incoming, response) => void gateway(incoming, response))
    servers.push(server)
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    return {
      gateway,
      async ask(headers = {}) {
        const asked = request({
          port,
          host: '127.0.0.1',
          agent: false,
          headers: { 'x-env-id': 'a', accept: 'application/json', ...headers },
        })
        asked.end()
        const [response] = (await once(asked, 'response')) as [import('node:http').IncomingMessage]
        const { code = '' } = JSON.parse(await text(response)) as { code?: string }
        return { status: response.statusCode ?? 0, code }
      },
    }
  }
  const crawler = { 'user-agent': 'Googlebot/2.1' }
  const refused = { status: 503, code: 'ALCOVE_NOT_RUNNING' }

  it('starts nothing for a crawler, which is answered once somebody else has started it', async () => {
    const { gateway, ask } = await open()
    expect(await ask(crawler)).toEqual(refused)
    expect(gateway.manager.list()).toEqual([])
    expect(await ask()).toMatchObject({ status: 200 })
    expect(await ask(crawler)).toMatchObject({ status: 200 })
  })

  it('asks shouldWake where something would start, and only there', async () => {
    const asked: string[] = []
    const { ask } = await open({
      shouldWake(head, { id }) {
        asked.push(`${id} ${head.header('x-kind')}`)
        return head.header('x-kind') === 'person'
      },
    })
    expect(await ask({ 'x-kind': 'probe' })).toEqual(refused)
    expect(await ask({ ...crawler, 'x-kind': 'person' })).toMatchObject({ status: 200 })
    expect(await ask({ 'x-kind': 'probe' })).toMatchObject({ status: 200 })
    expect(asked).toEqual(['a probe', 'a person'])
  })

  it.each([
    [true, { status: 200, code: '' }],
    [false, refused],
  ])('follows a router that says wake: %s', async (wake, answer) => {
    const { ask } = await open({
      router: () => ({ is: 'environment', id: 'a', wake }),
      shouldWake: () => !wake,
    })
    expect(await ask()).toEqual(answer)
  })

  it.each([
    [
      'throws',
      () => {
        throw new Error('no')
      },
    ],
    ['answers later', async () => true],
    ['does not say', () => undefined],
  ])('starts nothing where shouldWake %s', async (_what, shouldWake) => {
    const { gateway, ask } = await open({ shouldWake: shouldWake as never })
    expect(await ask()).toEqual({ status: 500, code: 'ALCOVE_HOOK_FAILED' })
    expect(gateway.manager.list()).toEqual([])
  })
})

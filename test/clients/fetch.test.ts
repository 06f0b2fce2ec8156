import { createHash, randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { setImmediate as turn } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { every, programAt } from './environments.ts'
import { type Front, Host } from './host.ts'

const webApp = new URL('programs/web-app.ts', import.meta.url)

describe.each<[Front, 'socket' | 'reported-port']>([
  ['node:http', 'reported-port'],
  ['Express 5', 'socket'],
])("Node.js's own fetch, by %s, to a %s,", (front, listen) => {
  let host: Host
  beforeAll(async () => {
    host = await Host.listen(front, every(programAt(webApp, listen)))
  })
  afterAll(() => host[Symbol.asyncDispose]())

  const ask = (
    path: string,
    init: Omit<RequestInit, 'headers'> = {},
    id = 'a',
  ): Promise<Response> => fetch(host.url(path), { ...init, headers: { 'x-env-id': id } })

  it('goes to the environment that it names, and otherwise to the host', async () => {
    expect(await (await ask('/fields?x=1')).json()).toMatchObject({
      id: 'a',
      target: '/fields?x=1',
    })
    expect(await (await ask('/fields', {}, 'b')).json()).toMatchObject({ id: 'b' })
    expect(await (await fetch(host.url('/fields'))).text()).toBe('the host')
  })

  it('gets megabytes back as they were', async () => {
    const body = randomBytes(4 * 2 ** 20)
    const hash = createHash('sha256').update(body).digest('hex')
    const up = await ask('/digest', { method: 'POST', body })
    expect(await up.json()).toEqual({ bytes: body.length, sha256: hash })
    const echo = Buffer.from(await (await ask('/echo', { method: 'POST', body })).arrayBuffer())
    expect(createHash('sha256').update(echo).digest('hex')).toBe(hash)
  })

  it('sends forms with files', async () => {
    const form = new FormData()
    form.set('name', 'Grüße')
    form.set('file', new Blob([readFileSync(webApp)], { type: 'text/x-own' }), 'web app.ts')
    const response = await ask('/echo', { method: 'POST', body: form })
    // Deprecated for servers, which this is not.
    const back = await (response as { formData(): Promise<FormData> }).formData()
    expect(back.get('name')).toBe('Grüße')
    const file = back.get('file') as File
    expect([file.name, file.type]).toEqual(['web app.ts', 'text/x-own'])
    expect(await file.text()).toBe(readFileSync(webApp, 'utf8'))
  })

  it.each(['gzip', 'deflate', 'br'])('unpacks what the environment packs as %s', async (coding) => {
    const response = await ask(`/packed/${coding}`)
    expect(response.headers.get('content-encoding')).toBe(coding)
    expect(await response.text()).toBe('so much of the same '.repeat(10_000))
  })

  it.each([
    [301, 'POST', 'GET'],
    [302, 'POST', 'GET'],
    [303, 'PUT', 'GET'],
    [307, 'POST', 'POST'],
    [308, 'PUT', 'PUT'],
  ])('follows a redirect with %i of %s, as %s', async (status, method, then) => {
    for (const path of ['/moved', '/moved-absolutely']) {
      const response = await ask(`${path}/${status}`, { method, body: 'the body' })
      expect(response.url).toBe(host.url('/fields'))
      const { body, ...rest } = (await response.json()) as Record<string, unknown>
      expect(rest).toMatchObject({ id: 'a', method: then })
      if (then !== 'GET') expect(body).toBe('the body')
    }
  })

  it('is shown a redirect as the environment has made it', async () => {
    const response = await ask('/moved/302', { redirect: 'manual' })
    expect([response.status, response.headers.get('location')]).toEqual([302, '/fields'])
    await response.body?.cancel()
  })

  it('gets the fields of an answer to HEAD, and no body', async () => {
    const head = await ask('/file', { method: 'HEAD' })
    expect(Number(head.headers.get('content-length'))).toBe(readFileSync(webApp).length)
    expect(await head.text()).toBe('')
    const get = await ask('/file')
    expect(await get.text()).toBe(readFileSync(webApp, 'utf8'))
  })

  it('keeps 100 requests at a time apart, on connections that are used again', async () => {
    const { connections, openSockets } = host
    for (let round = 0; round < 3; round += 1) {
      await Promise.all(
        Array.from({ length: 100 }, async (_, i) => {
          const body = `${round}/${i} `.repeat(i * 20 + 1)
          const response = await ask('/echo', { method: 'POST', body }, i % 2 ? 'a' : 'b')
          expect(await response.text()).toBe(body)
        }),
      )
      // Only then fetch counts the connections as free.
      await turn()
    }
    // It takes a few more than needed where answers come in an unlucky order.
    expect(host.connections - connections).toBeLessThanOrEqual(150)
    expect(host.openSockets - openSockets).toBe(host.connections - connections)
  })
})

import { createHash } from 'node:crypto'
import type { BrowserContext, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { Chromium, inPage } from './chromium.ts'
import { every, printedBy, programAt, unused } from './environments.ts'
import type { Feed } from './feed.ts'
import { type Front, Host } from './host.ts'
import { systemProgram } from './system-program.ts'

const executable = systemProgram('chromium') ?? ''
const megabytes = Buffer.alloc(2 ** 20, 'so much of the same ')
const webApp = new URL('programs/web-app.ts', import.meta.url)

describe.skipIf(executable === '')('Chromium,', () => {
  let chromium: Chromium
  beforeAll(async () => {
    chromium = await Chromium.launch(executable)
  })
  afterAll(() => chromium[Symbol.asyncDispose]())

  describe.each<[Front]>([['node:http'], ['TLS']])('by %s,', (front) => {
    let host: Host
    let printed: Feed<{ id: string; text: string }>
    let profile: BrowserContext
    let page: Page
    beforeAll(async () => {
      host = await Host.listen(front, every(programAt(webApp)))
      profile = await chromium.profile()
      page = await profile.newPage()
      await page.goto(host.urlOf('a'))
    })
    beforeEach(() => {
      printed = printedBy(host.manager)
    })
    afterEach(() => unused(host.manager, 'a'))
    afterAll(async () => {
      await profile.close()
      await host[Symbol.asyncDispose]()
    })

    const says = (line: string): Promise<unknown> => printed.next(({ text }) => text === line)
    async function send(path: string, body = ''): Promise<void> {
      const environment = host.manager.get('a')
      await (await environment?.fetch(path, { method: 'POST', body }))?.text()
    }

    it('shows the page of the environment in its address', async () => {
      expect(await page.textContent('#environment')).toBe('a')
      const other = await profile.newPage()
      await other.goto(host.urlOf('b'))
      expect(await other.textContent('#environment')).toBe('b')
    })

    it('moves megabytes by fetch, both ways', async () => {
      const digest = `const sha256 = async (bytes) =>
        new Uint8Array(await crypto.subtle.digest('SHA-256', bytes)).toHex()`
      const [up, own] = await inPage<[{ bytes: number; sha256: string }, string]>(
        page,
        `${digest}
        const body = new Uint8Array(2 ** 20).map((_, i) => i * 7 + (i >> 8))
        const response = await fetch('/digest', { method: 'POST', body })
        return [await response.json(), await sha256(body)]`,
      )
      expect(up).toEqual({ bytes: 2 ** 20, sha256: own })
      const down = await inPage(
        page,
        `${digest}
        return sha256(await (await fetch('/megabytes')).arrayBuffer())`,
      )
      expect(down).toBe(createHash('sha256').update(megabytes).digest('hex'))
    })

    // Chromium streams uploads over HTTP/2 only.
    it.each(front === 'TLS' ? ['HTTP/2'] : [])('uploads piece by piece over %s', async () => {
      await inPage(
        page,
        `const { readable, writable } = new TransformStream()
        window.writer = writable.getWriter()
        window.answer = fetch('/pieces', { method: 'POST', body: readable, duplex: 'half' })`,
      )
      for (const piece of ['first', 'second']) {
        await inPage(page, `await writer.write(new TextEncoder().encode('${piece}'))`)
        await says(`got ${piece}`)
      }
      await inPage(page, `await writer.close()`)
      expect(await inPage(page, `return (await answer).text()`)).toBe('all')
    })

    it('downloads piece by piece, until it has enough', async () => {
      await inPage(
        page,
        `const response = await fetch('/streams/down')
        window.reader = response.body.pipeThrough(new TextDecoderStream()).getReader()`,
      )
      for (const piece of ['first', 'second']) {
        await send('/streams/down', piece)
        expect(await inPage(page, `return (await reader.read()).value`)).toBe(piece)
      }
      await inPage(page, `await reader.cancel()`)
      await says('closed /streams/down')
    })

    it('gives a request up that is not answered yet', async () => {
      await inPage(
        page,
        `window.abort = new AbortController()
        window.answer = fetch('/waits', { signal: abort.signal }).catch(({ name }) => name)`,
      )
      await says('waits')
      await inPage(page, `abort.abort()`)
      expect(await inPage(page, `return answer`)).toBe('AbortError')
      await says('waits no more')
    })

    it('sees a fetch fail where the environment breaks its answer off', async () => {
      await inPage(
        page,
        `window.answer = (await fetch('/streams/dies')).text().catch(({ name }) => name)`,
      )
      await send('/streams/dies?and-die', 'first')
      expect(await inPage(page, `return answer`)).toBe('TypeError')
    })

    it('hears events as they are sent, and comes back with Last-Event-ID', async () => {
      await inPage(
        page,
        `window.source = new EventSource('/streams/events')
        window.heard = []
        window.opened = 0
        source.onopen = () => { opened += 1 }
        source.onmessage = ({ data, lastEventId }) => heard.push(data + ' ' + lastEventId)
        await new Promise((resolve) => source.addEventListener('open', resolve, { once: true }))`,
      )
      await send('/streams/events', 'retry: 10\nid: 1\ndata: one\n\n')
      await expect.poll(() => inPage(page, `return heard`)).toEqual(['one 1'])
      await send('/streams/events?and-end', 'id: 2\ndata: two\n\n')
      await says('after 2')
      await expect.poll(() => inPage(page, `return opened`)).toBe(2)
      await send('/streams/events', 'data: three\n\n')
      await expect.poll(() => inPage(page, `return heard`)).toEqual(['one 1', 'two 2', 'three 2'])
      // That of the first stream, which has ended.
      await says('closed /streams/events')
      await inPage(page, `source.close()`)
      await says('closed /streams/events')
    })

    it('is told why a WebSocket is closed, and tells it', async () => {
      await inPage(
        page,
        `window.open = (path) => new Promise((resolve, reject) => {
          const socket = new WebSocket(path)
          socket.closed = new Promise((end) => {
            socket.onclose = ({ code, reason, wasClean }) => end([code, reason, wasClean])
          })
          socket.onopen = () => resolve(socket)
          socket.onerror = () => reject(new Error('no WebSocket'))
        })
        window.socket = await open('/')`,
      )
      const echo = `return new Promise((resolve) => {
        socket.onmessage = ({ data }) => resolve(data)
        socket.send('hello')
      })`
      expect(await inPage(page, echo)).toBe('hello')
      expect(host.manager.explain('a').leases.upgrade).toBe(1)
      await inPage(page, `socket.close(4123, 'enough')`)
      await says('socket closed 4123 enough')
      expect(await inPage(page, `return socket.closed`)).toEqual([4123, 'enough', true])
      const told = `const socket = await open('/')
        socket.send('!close 4321 bye')
        return socket.closed`
      expect(await inPage(page, told)).toEqual([4321, 'bye', true])
    })

    it('lets go of a WebSocket and a stream when its page goes', async () => {
      const left = await profile.newPage()
      await left.goto(host.urlOf('a'))
      await inPage(left, `new WebSocket('/'); new EventSource('/streams/left')`)
      await expect
        .poll(() => host.manager.explain('a').leases)
        .toMatchObject({ upgrade: 1, stream: 1 })
      await left.close()
      await says('closed /streams/left')
      await printed.next(({ text }) => text.startsWith('socket closed 1001'))
    })

    it('keeps the cookies of two environments apart', async () => {
      const other = await profile.newPage()
      await other.goto(host.urlOf('b'))
      const cookies = `await (await fetch('/cookies')).text()
        const { headers } = await (await fetch('/fields')).json()
        return [document.cookie, headers.cookie]`
      for (const [id, its] of Object.entries({ a: page, b: other })) {
        expect(await inPage(its, cookies)).toEqual([
          `theme=of-${id}`,
          `session=secret%20of%20${id}; theme=of-${id}`,
        ])
      }
      const sent = `return (await (await fetch('/fields')).json()).headers.cookie`
      expect(await inPage(page, sent)).toBe('session=secret%20of%20a; theme=of-a')
    })
  })
})

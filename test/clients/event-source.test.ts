import { EventSource } from 'eventsource'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { changesOf, every, printedBy, programAt, unused } from './environments.ts'
import { Feed } from './feed.ts'
import { type Front, Host } from './host.ts'

const events = new URL('programs/events.ts', import.meta.url)

/** What a client of the package `eventsource` hears, one by one. */
class Listener {
  readonly heard = new Feed<{ type: string; data: string; id: string }>()
  readonly opened = new Feed<true>()
  readonly failed = new Feed<number | 'no answer'>()

  constructor(readonly source: EventSource) {
    source.addEventListener('open', () => this.opened.push(true))
    source.addEventListener('error', ({ code }) => this.failed.push(code ?? 'no answer'))
    for (const name of ['message', 'named']) {
      source.addEventListener(name, ({ type, data, lastEventId: id }) => {
        this.heard.push({ type, data: String(data), id })
      })
    }
  }
}

describe.each<[Front]>([['Express 5'], ['Koa 3']])('an EventSource, by %s,', (front) => {
  let host: Host
  const sources: EventSource[] = []
  beforeAll(async () => {
    host = await Host.listen(front, every(programAt(events, 'reported-port')))
  })
  afterEach(() => {
    for (const source of sources.splice(0)) source.close()
  })
  afterAll(() => host[Symbol.asyncDispose]())

  function listenTo(id: string, path: string): Listener {
    const source = new EventSource(host.url(path), {
      fetch: (url, init) => fetch(url, { ...init, headers: { ...init.headers, 'x-env-id': id } }),
    })
    sources.push(source)
    return new Listener(source)
  }

  async function send(id: string, path: string, stream: string): Promise<void> {
    const headers = { 'x-env-id': id }
    const response = await fetch(host.url(path), { method: 'POST', headers, body: stream })
    expect(await response.text()).toBe('written')
  }

  it('is open before the first event, and hears each as it is sent', async () => {
    const { opened, heard } = listenTo('a', '/one-by-one')
    await opened.next()
    for (let i = 1; i <= 5; i += 1) {
      await send('a', '/one-by-one', `id: ${i}\ndata: event ${i}\n\n`)
      expect(await heard.next()).toEqual({ type: 'message', data: `event ${i}`, id: String(i) })
    }
    expect(host.manager.explain('a').leases).toMatchObject({ stream: 1, request: 0 })
  })

  it('hears names, several lines and an event in pieces, and no comment', async () => {
    const { opened, heard } = listenTo('a', '/kinds')
    await opened.next()
    await send('a', '/kinds', ': a comment\n\nevent: named\ndata: first\ndata: zweite Zeile →\n\n')
    expect(await heard.next()).toEqual({ type: 'named', data: 'first\nzweite Zeile →', id: '' })
    for (const piece of ['da', 'ta: in ', 'pieces', '\n', '\n']) await send('a', '/kinds', piece)
    expect((await heard.next()).data).toBe('in pieces')
    expect(heard.untaken).toEqual([])
  })

  it.each([
    ['ended', '?and-end'],
    ['died', '?and-die'],
  ])('comes back with Last-Event-ID after its stream has %s', async (how, query) => {
    const printed = printedBy(host.manager)
    const path = `/${how}`
    const { opened, heard, failed, source } = listenTo('a', path)
    await opened.next()
    await send('a', path, 'retry: 10\n\nid: seventh ä\ndata: before\n\n')
    expect((await heard.next()).data).toBe('before')
    await send('a', path + query, '')
    await failed.next()
    await opened.next()
    // Fields are bytes, and the identifier goes as UTF-8; Node.js shows them as Latin-1.
    const id = Buffer.from('seventh ä').toString('latin1')
    await printed.next(({ text }) => text === `opened ${path} after ${id}`)
    await send('a', path, 'data: after\n\n')
    expect(await heard.next()).toEqual({ type: 'message', data: 'after', id: 'seventh ä' })
    expect(source.readyState).toBe(EventSource.OPEN)
  })

  it('stays away where the environment says so with 204', async () => {
    const { opened, failed, source } = listenTo('a', '/last')
    await opened.next()
    await send('a', '/last', 'retry: 10\nid: the last\ndata: bye\n\n')
    await send('a', '/last?and-end', '')
    expect(await failed.next()).toBe('no answer')
    expect(await failed.next()).toBe(204)
    expect(source.readyState).toBe(EventSource.CLOSED)
    await unused(host.manager, 'a')
  })

  it('is missed by the environment once it has closed', async () => {
    const printed = printedBy(host.manager)
    const { opened, source } = listenTo('b', '/left')
    await opened.next()
    expect(host.manager.explain('b').leases.stream).toBe(1)
    source.close()
    await printed.next(({ text }) => text === 'closed /left')
    await unused(host.manager, 'b')
  })

  it('starts the environment again by coming back', async () => {
    const printed = printedBy(host.manager)
    const changes = changesOf(host.manager)
    const { opened, heard } = listenTo('c', '/stopped')
    await opened.next()
    await send('c', '/stopped', 'retry: 10\nid: 41\ndata: before\n\n')
    await heard.next()
    await host.manager.stop('c', { drainMs: 10 })
    await changes.next((change) => change === 'c#2 ready')
    await printed.next(({ text }) => text === 'opened /stopped after 41')
    await opened.next()
    await send('c', '/stopped', 'data: after\n\n')
    expect((await heard.next()).data).toBe('after')
  })

  it('hears its own of many at once', async () => {
    const listeners = Array.from({ length: 20 }, (_, i) => listenTo(i % 2 ? 'a' : 'b', `/of-${i}`))
    await Promise.all(listeners.map(({ opened }) => opened.next()))
    await Promise.all(
      listeners.map((_, i) => send(i % 2 ? 'a' : 'b', `/of-${i}`, `data: for ${i}\n\n`)),
    )
    for (const [i, { heard }] of listeners.entries()) {
      expect((await heard.next()).data).toBe(`for ${i}`)
      expect(heard.untaken).toEqual([])
    }
  })
})

import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { every, printedBy, programAt, unused } from './environments.ts'
import type { Feed } from './feed.ts'
import { type Front, Host } from './host.ts'

const webApp = new URL('programs/web-app.ts', import.meta.url)

describe.each<[Front]>([['node:http'], ['Express 5'], ['Koa 3']])(
  "what Node.js's own fetch streams, by %s,",
  (front) => {
    let host: Host
    let printed: Feed<{ id: string; text: string }>
    beforeAll(async () => {
      host = await Host.listen(front, every(programAt(webApp)))
    })
    beforeEach(() => {
      printed = printedBy(host.manager)
    })
    afterAll(() => host[Symbol.asyncDispose]())

    const says = (line: string): Promise<unknown> => printed.next(({ text }) => text === line)
    const ask = (path: string, init: RequestInit = {}): Promise<Response> =>
      fetch(host.url(path), { ...init, headers: { 'x-env-id': 'a' } })

    /** A request whose body the test writes. */
    function upload(path: string, signal: AbortSignal | null = null): [Body, Promise<Response>] {
      const { readable, writable } = new TextEncoderStream()
      const answer = ask(path, { method: 'POST', body: readable, duplex: 'half', signal })
      answer.catch(() => {})
      return [writable.getWriter(), answer]
    }
    type Body = WritableStreamDefaultWriter<string>

    /** An answer whose body the test writes, and the reader of it. */
    async function download(
      name: string,
      signal: AbortSignal | null = null,
    ): Promise<
      [ReadableStreamDefaultReader<string>, (text: string, how?: string) => Promise<void>]
    > {
      const response = await ask(`/streams/${name}`, { signal })
      const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader()
      if (!reader) throw new Error('The answer has no body')
      const write = async (body: string, how = ''): Promise<void> => {
        await (await ask(`/streams/${name}${how}`, { method: 'POST', body })).text()
      }
      return [reader, write]
    }

    it('goes up piece by piece', async () => {
      const [body, answer] = upload('/pieces')
      for (const piece of ['first', 'second', 'third']) {
        await body.write(piece)
        await says(`got ${piece}`)
      }
      await body.close()
      expect(await (await answer).text()).toBe('all')
    })

    it('comes down piece by piece', async () => {
      const [reader, write] = await download('down')
      for (const piece of ['first', 'second', 'third']) {
        await write(piece)
        expect(await reader.read()).toEqual({ done: false, value: piece })
      }
      await write('', '?and-end')
      expect(await reader.read()).toEqual({ done: true, value: undefined })
    })

    it('breaks off for the environment when the client gives an upload up', async () => {
      const abort = new AbortController()
      const [body, answer] = upload('/pieces', abort.signal)
      await body.write('first')
      await says('got first')
      abort.abort()
      await expect(answer).rejects.toThrow('aborted')
      await says('broken off')
      await unused(host.manager, 'a')
    })

    it('breaks off for the environment when what the client sends fails', async () => {
      const [body, answer] = upload('/pieces')
      await body.write('first')
      await says('got first')
      await body.abort(new Error('the disk is gone'))
      await expect(answer).rejects.toThrow('fetch failed')
      await says('broken off')
      await unused(host.manager, 'a')
    })

    it('breaks off for the environment when the client gives a download up', async () => {
      for (const how of ['cancel', 'abort']) {
        const abort = new AbortController()
        const [reader, write] = await download(how, abort.signal)
        await write('first')
        await reader.read()
        if (how === 'cancel') await reader.cancel()
        else abort.abort()
        await says(`closed /streams/${how}`)
        await unused(host.manager, 'a')
      }
    })

    it('is given up by the environment too while it has not answered', async () => {
      const abort = new AbortController()
      const answer = ask('/waits', { signal: abort.signal })
      await says('waits')
      expect(host.manager.explain('a').leases.request).toBe(1)
      abort.abort()
      await expect(answer).rejects.toThrow('aborted')
      await says('waits no more')
      await unused(host.manager, 'a')
    })

    it('never looks whole when the environment breaks off', async () => {
      const [reader, write] = await download('dies')
      await write('first')
      expect((await reader.read()).value).toBe('first')
      await write('', '?and-die')
      await expect(reader.read()).rejects.toThrow('terminated')
      await unused(host.manager, 'a')
    })

    it('is answered with 502 when the environment breaks an upload off', async () => {
      const [body, answer] = upload('/dies')
      await body.write('first')
      const response = await answer
      expect(response.status).toBe(502)
      await response.text()
      await unused(host.manager, 'a')
    })

    it('is answered while it goes up where the environment wants no more', async () => {
      const [body, answer] = upload('/unwanted')
      await body.write('first')
      const response = await answer
      expect([response.status, await response.text()]).toEqual([413, 'too much'])
      await unused(host.manager, 'a')
    })
  },
)

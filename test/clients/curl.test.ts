import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { Curl, type CurlResult } from './curl.ts'
import { every, printedBy, programAt, unused } from './environments.ts'
import { type Front, Host } from './host.ts'
import { systemProgram } from './system-program.ts'

const executable = systemProgram('curl') ?? ''
const webApp = new URL('programs/web-app.ts', import.meta.url)
const file = readFileSync(webApp)

const upload = randomBytes(3 * 2 ** 20)
const itsDigest = {
  bytes: upload.length,
  sha256: createHash('sha256').update(upload).digest('hex'),
}

// Before 22.21 and 24.9, Node.js can't be told to leave an offer to upgrade alone, and a body beside it is out of reach.
const asksFirst = 'shouldUpgradeCallback' in createServer()

/** How curl asks, in front of what, and the version that it is answered in. */
const ways: readonly [string, Front, string][] = [
  ['--http2', 'TLS', '2'],
  ['--http1.1', 'TLS', '1.1'],
  ['--http2-prior-knowledge', 'HTTP/2', '2'],
  // An offer to upgrade, which a gateway of HTTP/1.1 ignores.
  ['--http2', 'node:http', '1.1'],
  ['--http1.1', 'Express 5', '1.1'],
  ['--http1.0', 'Koa 3', '1.0'],
]

describe.skipIf(executable === '')('curl', () => {
  describe.each(ways)('%s, by %s,', (flag, front, version) => {
    let host: Host
    beforeAll(async () => {
      host = await Host.listen(front, every(programAt(webApp)))
    })
    afterEach(() => unused(host.manager, 'a'))
    afterAll(() => host[Symbol.asyncDispose]())

    // Without TLS, curl 7.88 fails on the second request of a connection: https://github.com/curl/curl/issues/10634
    const more = flag === '--http2-prior-knowledge' ? [] : ['its connection']
    const offersWithBody = flag === '--http2' && front === 'node:http' && !asksFirst
    const reuses = flag === '--http1.1' || front === 'TLS'

    async function curl(target: string, args: string[] = [], input?: Buffer): Promise<CurlResult> {
      const result = await new Curl(executable, host, [flag, ...args], target, input).result
      if (result.exitCode !== 0) throw new Error(`curl failed (${result.exitCode}): ${result.told}`)
      return result
    }
    async function json(result: Promise<CurlResult>): Promise<unknown> {
      return JSON.parse((await result).body.toString())
    }

    it('is answered by the environment that the name says, in its version', async () => {
      const scheme = front === 'TLS' ? 'https' : 'http'
      const { heads, body } = await curl('/fields?x=1')
      // Node.js says 1.1 to a client of 1.0 too, with no more than that can take.
      expect(heads.split(/\s/)[0]).toBe(version === '2' ? 'HTTP/2' : 'HTTP/1.1')
      expect(JSON.parse(body.toString())).toMatchObject({
        id: 'a',
        target: '/fields?x=1',
        headers: { host: `a.localhost:${host.port}`, 'x-forwarded-proto': scheme },
      })
      expect(body.toString()).not.toMatch(/http2-settings|"upgrade"/i)
    })

    it('gets the fields of an answer to HEAD, without its body', async () => {
      const { heads, body } = await curl('/file', ['--head'])
      expect(heads).toMatch(new RegExp(`^content-length: ${file.length}$`, 'im'))
      // With --head, curl shows the head in the place of a body.
      expect(body.toString().replaceAll('\r', '').trim()).toBe(heads.trim())
    })

    it.each(more)('asks again, on %s where it stays', async () => {
      const before = host.connections
      const again = ['--head', host.urlOf('a', '/file'), '--head', host.urlOf('a', '/fields')]
      await curl('/file', again)
      if (reuses) expect(host.connections - before).toBe(1)
    })

    it('gets a part of a file', async () => {
      expect((await curl('/file', ['--range', '0-99'])).body).toEqual(file.subarray(0, 100))
      expect((await curl('/file', ['--range', '-50'])).body).toEqual(file.subarray(-50))
      const { heads } = await curl('/file', ['--range', '100-'])
      expect(heads).toMatch(/^HTTP\/[\d.]+ 206/)
      expect(heads).toMatch(new RegExp(`^content-range: bytes 100-${file.length - 1}/`, 'im'))
      expect((await curl('/file', ['--range', '1000000-'])).heads).toMatch(/^HTTP\/[\d.]+ 416/)
    })

    it('gets nothing new where it has it already', async () => {
      const etag = /^etag: (?<value>.*)$/im.exec((await curl('/file')).heads)?.groups?.['value']
      const { heads, body } = await curl('/file', ['--header', `if-none-match: ${etag}`])
      expect(heads).toMatch(/^HTTP\/[\d.]+ 304/)
      expect(body.length).toBe(0)
    })

    it.each(['gzip', 'deflate', 'br', 'zstd'])('unpacks %s', async (coding) => {
      const { body, heads } = await curl(`/packed/${coding}`, ['--compressed'])
      expect(heads).toMatch(new RegExp(`^content-encoding: ${coding}$`, 'im'))
      expect(body.toString()).toBe('so much of the same '.repeat(10_000))
    })

    it('gets what is packed as it is where it does not unpack', async () => {
      const { body } = await curl('/packed/gzip')
      expect(gunzipSync(body).toString()).toBe('so much of the same '.repeat(10_000))
    })

    it.each(offersWithBody ? [] : ['uploads'])('%s what has a length', async () => {
      const args = ['--header', 'content-type: x/y', '--data-binary', '@-']
      expect(await json(curl('/digest', args, upload))).toEqual(itsDigest)
    })

    // curl refuses to over HTTP/1.0.
    it.each(offersWithBody || version === '1.0' ? [] : ['uploads'])(
      '%s what has none yet',
      async () => {
        const args = ['--request', 'POST', '--upload-file', '-']
        const { body, told } = await curl('/digest', args, upload)
        expect(JSON.parse(body.toString())).toEqual(itsDigest)
        if (version === '1.1') {
          expect(told).toContain('> Transfer-Encoding: chunked')
          expect(told).toContain('> Expect: 100-continue')
          expect(told).toContain('< HTTP/1.1 100 Continue')
        }
      },
    )

    it.each(offersWithBody ? ['400'] : [])(
      'is refused an upload with %s, and told why',
      async () => {
        const { body, heads } = await curl('/digest', ['--data-binary', '@-'], upload)
        expect(heads).toMatch(/^HTTP\/1.1 400/m)
        expect(body.toString()).toContain("can't be read")
      },
    )

    it.each(offersWithBody ? [] : ['told'])('is %s that an upload is unwanted', async () => {
      const args = ['--data-binary', '@-', '--write-out', ' %{http_code}']
      expect((await curl('/unwanted', args, upload)).body.toString()).toBe('too much 413')
    })

    it.each(offersWithBody ? [] : more)('follows a redirect on %s, with its body', async () => {
      const args = ['--location', '--data', 'the body']
      expect(await json(curl('/moved/307', args))).toMatchObject({
        method: 'POST',
        body: 'the body',
      })
      expect(await json(curl('/moved-absolutely/308', args))).toMatchObject({ body: 'the body' })
      expect(await json(curl('/moved/303', args))).toMatchObject({ method: 'GET' })
    })

    it('gets trailers where its version has them, and the whole body', async () => {
      const { body } = await curl('/trailers', ['--dump-header', '-'])
      expect(body.toString()).toContain('\r\n\r\nin pieces, and summed up')
      if (version === '1.0') expect(body.toString()).not.toMatch(/^transfer-encoding|x-sum: 42/im)
      else expect(body.toString()).toMatch(/x-sum: 42\r$/im)
    })

    it('gets each cookie by itself', async () => {
      const { heads } = await curl('/cookies')
      expect(heads.match(/^set-cookie: .*$/gim)).toHaveLength(2)
    })

    it('gets a stream piece by piece, and is missed when it is killed', async () => {
      const printed = printedBy(host.manager)
      const stream = new Curl(executable, host, [flag, '--no-buffer'], '/streams/x')
      const { child, result } = stream
      await stream.answered
      const environment = host.manager.get('a')
      for (const piece of ['first', 'second']) {
        const came = once(child.stdout, 'data')
        await (await environment?.fetch('/streams/x', { method: 'POST', body: piece }))?.text()
        expect(String((await came)[0])).toBe(piece)
      }
      child.kill('SIGKILL')
      await printed.next(({ text }) => text === 'closed /streams/x')
      await result
    })

    it('is not told that an answer is whole where it was broken off', async () => {
      const stream = new Curl(executable, host, [flag, '--no-buffer'], '/streams/y')
      const { child, result } = stream
      await stream.answered
      const came = once(child.stdout, 'data')
      const environment = host.manager.get('a')
      await (await environment?.fetch('/streams/y', { method: 'POST', body: 'first' }))?.text()
      await came
      await (await environment?.fetch('/streams/y?and-die', { method: 'POST' }))?.text()
      expect((await result).exitCode).not.toBe(0)
    })

    it.each(more)('asks 50 times at once, on %s where that can be one', async () => {
      const before = host.connections
      const folder = mkdtempSync(join(tmpdir(), 'alcove-curl-'))
      await curl('/fields?number=[1-50]', ['--parallel', '--output', join(folder, '#1')])
      for (let i = 1; i <= 50; i += 1) {
        const answer: unknown = JSON.parse(readFileSync(join(folder, String(i)), 'utf8'))
        expect(answer).toMatchObject({ target: `/fields?number=${i}` })
      }
      rmSync(folder, { recursive: true })
      if (version === '2') expect(host.connections - before).toBe(1)
    })
  })
})

import assert from 'node:assert/strict'
import { setTimeout as delay } from 'node:timers/promises'
import type { Exchange, Scene } from '../../subject.ts'
import type { Head } from '../../wire/head.ts'
import type { Wire } from '../../wire/wire.ts'
import { both, group, http1 } from '../case.ts'
import { arrivesOrIsRefused } from '../verdict.ts'

/** What a client sees of an answer with these lines. */
async function answered(scene: Scene, ...lines: readonly string[]): Promise<Head> {
  const { call, wire } = await scene.exchange()
  wire.send(['HTTP/1.1 200 OK', ...lines, 'Content-Length: 2', '', 'ok'].join('\r\n'))
  return (await call.whole()).head
}

const passed = group('headers', 'RFC 9110 §5.2, §5.3', both, {
  async 'Fields of a request that repeat stay in order'(scene) {
    const fields = [
      ['X-Twice', 'a, b'],
      ['X-Between', '1'],
      ['X-Twice', 'c'],
      ['X-Twice', ''],
    ] as const
    const { head } = await scene.exchange({ fields })
    assert.match(head.values('x-twice').join(', '), /^a, b, c(, ?)?$/)
  },
  async 'Fields of a request that repeat stay separate'(scene) {
    const fields = [
      ['X-Twice', 'a, b'],
      ['X-Twice', 'c'],
    ] as const
    const { head } = await scene.exchange({ fields })
    assert.deepEqual(head.values('x-twice'), ['a, b', 'c'])
  },
  async 'Fields of an answer that repeat stay separate'(scene) {
    const head = await answered(scene, 'X-Twice: a, b', 'Link: </a>', 'X-Twice: c', 'Link: </b>')
    assert.deepEqual(head.values('x-twice'), ['a, b', 'c'])
    assert.deepEqual(head.values('link'), ['</a>', '</b>'])
  },
  async 'Set-Cookies stay separate, and in order'(scene) {
    const cookies = ['a=1; Expires=Thu, 01 Jan 2099 00:00:00 GMT', 'b=2; Path=/', 'a=3']
    const head = await answered(scene, ...cookies.map((cookie) => `sEt-cOOKIE: ${cookie}`))
    assert.deepEqual(head.values('set-cookie'), cookies)
  },
  async 'An empty field arrives empty'(scene) {
    const { head } = await scene.exchange({ fields: [['X-Empty', '']] })
    assert.deepEqual(head.values('x-empty'), [''])
  },
  async 'A field that no list knows passes, both ways'(scene) {
    const { head, call, wire } = await scene.exchange({ fields: [["X-!#$%&'*+.^_`|~9", 'v']] })
    assert.deepEqual(head.values("x-!#$%&'*+.^_`|~9"), ['v'])
    wire.send('HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-Own_Field: 1\r\n\r\n')
    assert.deepEqual((await call.whole()).head.values('x-own_field'), ['1'])
  },
  async 'Bytes beyond ASCII in a request pass unchanged'(scene) {
    const { head } = await scene.exchange({ fields: [['X-Bytes', '\xe4\xff\x80\xa0 \xc3\xa4']] })
    assert.deepEqual(head.values('x-bytes'), ['\xe4\xff\x80\xa0 \xc3\xa4'])
  },
  async 'Bytes beyond ASCII in an answer pass unchanged'(scene) {
    const head = await answered(scene, 'X-Bytes: \xe4\xff\x80\xa0 \xc3\xa4')
    assert.deepEqual(head.values('x-bytes'), ['\xe4\xff\x80\xa0 \xc3\xa4'])
  },
  async 'Bytes beyond ASCII pass unchanged in a head that goes ahead of its body'(scene) {
    for (const framing of [
      'Content-Length: 2',
      'Transfer-Encoding: chunked',
      'Connection: close',
    ]) {
      const { call, wire } = await scene.exchange()
      wire.send(`HTTP/1.1 200 OK\r\nX-Bytes: \xe4\xff\x80\r\n${framing}\r\n\r\n`)
      const head = call.head()
      // One that goes ahead does so by now; that it has to is not what is asked here.
      await Promise.race([head, delay(100)])
      wire.send(framing.endsWith('chunked') ? '2\r\nok\r\n' : 'ok')
      assert.deepEqual((await head).values('x-bytes'), ['\xe4\xff\x80'])
      wire.socket.destroy()
    }
  },
  async 'White space, quotes and commas within a value pass unchanged'(scene) {
    const value = 'a  b "c, \\"d" ; e=f ,g'
    const { head } = await scene.exchange({ fields: [['X-Odd', value]] })
    assert.deepEqual(head.values('x-odd'), [value])
  },
  async 'The reason of an answer may be any, or none'(scene) {
    let before: Exchange | undefined
    for (const line of ['HTTP/1.1 200 ', 'HTTP/1.1 200 Gar nicht \xfcbel', 'HTTP/1.1 299 Own']) {
      before = await scene.exchange({}, before)
      before.wire.send(`${line}\r\nContent-Length: 2\r\n\r\nok`)
      const { head, body } = await before.call.whole()
      assert.deepEqual([head.status, body], [Number(line.slice(9, 12)), 'ok'])
    }
  },
})

const folded = group('headers', 'RFC 9112 §5.2', http1, {
  async 'A folded field of a request is unfolded, or refused'(scene) {
    const client = await scene.wire()
    client.send('GET / HTTP/1.1\r\nHost: shop.test\r\nX-Folded: a\r\n b\r\n\r\n')
    const arrived = await arrivesOrIsRefused(scene, client, [400])
    if (arrived) assert.match((await arrived.head()).values('x-folded').join(), /^a +b$/)
  },
  async 'A folded field of an answer is unfolded, or the answer is 502'(scene) {
    const { call, wire } = await scene.exchange()
    wire.send('HTTP/1.1 200 OK\r\nX-Folded: a\r\n b\r\nContent-Length: 0\r\n\r\n')
    const { head } = await call.whole()
    if (head.status !== 502) assert.match(head.values('x-folded').join(), /^a +b$/)
  },
})

const whiteSpace = group('headers', 'RFC 9112 §5.1', http1, {
  async 'White space before the colon of a request is refused'(scene) {
    const client = await scene.wire()
    client.send('POST / HTTP/1.1\r\nHost: shop.test\r\nContent-Length : 5\r\n\r\nhello')
    assert.equal(await arrivesOrIsRefused(scene, client, [400]), undefined)
  },
  async 'White space before the colon of an answer is removed, or the answer is 502'(scene) {
    const { call, wire } = await scene.exchange()
    wire.send('HTTP/1.1 200 OK\r\nX-Spaced : 1\r\nContent-Length: 0\r\n\r\n')
    const { head } = await call.whole()
    assert.ok(head.status === 502 || !head.fields.some(([name]) => /\s/.test(name)))
  },
})

const controls = group('headers', 'RFC 9110 §5.5', http1, {
  async 'A bare CR, LF or NUL in a request never arrives as such'(scene) {
    for (const character of ['\r', '\n', '\0']) {
      const client = await scene.wire()
      client.send(`GET / HTTP/1.1\r\nHost: shop.test\r\nX-Odd: a${character}X-More: b\r\n\r\n`)
      const arrived = await arrivesOrIsRefused(scene, client, [400])
      // A lenient reader may take LF for the end of the line, as RFC 9112 §2.2 lets it.
      if (arrived) assert.doesNotMatch((await arrived.head()).line, /[\r\n\0]/)
    }
  },
  async 'A bare CR or NUL in an answer never reaches the client'(scene) {
    let wire: Wire | undefined
    for (const character of ['\r', '\0']) {
      const call = (await scene.client()).ask()
      wire = await scene.environment.connection(wire)
      await wire.head()
      wire.send(`HTTP/1.1 200 OK\r\nX-Odd: a${character}b\r\nContent-Length: 0\r\n\r\n`)
      const { head } = await call.whole()
      assert.doesNotMatch(head.values('x-odd').join(), /[\r\0]/)
    }
  },
})

export const values = [...passed, ...folded, ...whiteSpace, ...controls]

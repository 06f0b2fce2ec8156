import assert from 'node:assert/strict'
import type { Case } from '../../subject.ts'
import { both, group } from '../case.ts'

const told = [
  ['X-Forwarded-For', '203.0.113.9'],
  ['X-Forwarded-For', '203.0.113.10'],
  ['X-Forwarded-Proto', 'https'],
  ['X-Forwarded-Host', 'outside.test'],
  ['X-Forwarded-Port', '444'],
  ['Forwarded', 'for=203.0.113.9;proto=https'],
] as const

/** The elements of this field, as they arrive from a client that has `told` what it likes. */
function arrives(name: string, elements: readonly string[]): Case['run'] {
  return async (scene) => {
    const { head } = await scene.exchange({ host: 'shop.test:8080', fields: told })
    assert.deepEqual(head.list(name), elements)
  }
}

/** What is told arrives first; what the proxy itself says may follow. */
function arrivesFirst(name: string, first: string, own: string): Case['run'] {
  return async (scene) => {
    const { head } = await scene.exchange({ host: 'shop.test:8080', fields: told })
    const [before, ...after] = head.list(name)
    assert.equal(before, first)
    assert.deepEqual(
      after.filter((element) => element !== own),
      [],
    )
  }
}

const added = group('headers', 'RFC 7239 §4', both, {
  async 'X-Forwarded-For is the address of the client'(scene) {
    const { head } = await scene.exchange()
    assert.deepEqual(head.values('x-forwarded-for'), ['127.0.0.1'])
  },
  async 'X-Forwarded-Proto is how the client asks'(scene) {
    const { head } = await scene.exchange()
    assert.deepEqual(head.values('x-forwarded-proto'), ['http'])
  },
  async 'X-Forwarded-Host is the host that the client asks for'(scene) {
    const { head } = await scene.exchange({ host: 'shop.test:8080' })
    assert.deepEqual(head.values('x-forwarded-host'), ['shop.test:8080'])
  },
  async 'X-Forwarded-Port is the port that the client asks for'(scene) {
    const { head } = await scene.exchange({ host: 'shop.test:8080' })
    assert.deepEqual(head.values('x-forwarded-port'), ['8080'])
  },
  async 'X-Forwarded-Port of `Host: [::1]:8080` is 8080'(scene) {
    const { head } = await scene.exchange({ host: '[::1]:8080' })
    assert.deepEqual(head.values('x-forwarded-port'), ['8080'])
  },
  async 'X-Forwarded-Port of `Host: [::1]` is none of the digits of the address'(scene) {
    const { head } = await scene.exchange({ host: '[::1]' })
    const [port = ''] = head.values('x-forwarded-port')
    assert.ok(port === '80' || port === String(scene.port), `it is ${port}`)
  },
  async 'Forwarded says for whom, over what and for which host the proxy asks'(scene) {
    const { head } = await scene.exchange()
    const pairs = head.values('forwarded').join(', ').toLowerCase().split(';').sort()
    assert.deepEqual(
      // What is a token may be quoted as well.
      pairs.filter((pair) => !pair.startsWith('by=')).map((pair) => pair.replaceAll('"', '')),
      ['for=127.0.0.1', 'host=shop.test', 'proto=http'],
    )
  },
  async 'An IPv6 literal with its port is quoted in Forwarded'(scene) {
    const { head } = await scene.exchange({ host: '[::1]:8080' })
    assert.match(head.values('forwarded').join(), /(^|;)host="\[::1\]:8080"(;|$)/i)
  },
})

const replaced = group('headers', 'RFC 7239 §8.1', both, {
  'X-Forwarded-For of a stranger is replaced': arrives('x-forwarded-for', ['127.0.0.1']),
  'X-Forwarded-Proto of a stranger is replaced': arrives('x-forwarded-proto', ['http']),
  'X-Forwarded-Host of a stranger is replaced': arrives('x-forwarded-host', ['shop.test:8080']),
  'X-Forwarded-Port of a stranger is replaced': arrives('x-forwarded-port', ['8080']),
  async 'Forwarded of a stranger is replaced'(scene) {
    const { head } = await scene.exchange({ fields: told })
    assert.doesNotMatch(head.values('forwarded').join(), /203\.0\.113\.9/)
  },
})

const extended = group(
  'headers',
  'RFC 7239 §5',
  both,
  {
    'X-Forwarded-For of a trusted client is extended': arrives('x-forwarded-for', [
      '203.0.113.9',
      '203.0.113.10',
      '127.0.0.1',
    ]),
    'X-Forwarded-Proto of a trusted client stays': arrivesFirst(
      'x-forwarded-proto',
      'https',
      'http',
    ),
    'X-Forwarded-Host of a trusted client stays': arrivesFirst(
      'x-forwarded-host',
      'outside.test',
      'shop.test:8080',
    ),
    'X-Forwarded-Port of a trusted client stays': arrivesFirst('x-forwarded-port', '444', '8080'),
    async 'Forwarded of a trusted client is extended'(scene) {
      const { head } = await scene.exchange({ fields: told })
      const [before, own = '', ...more] = head.list('forwarded')
      assert.equal(before, 'for=203.0.113.9;proto=https')
      assert.match(own, /(^|;)for=127\.0\.0\.1(;|$)/i)
      assert.deepEqual(more, [])
    },
    async 'X-Forwarded-For of a trusted client that tells nothing is its address'(scene) {
      const { head } = await scene.exchange()
      assert.deepEqual(head.values('x-forwarded-for'), ['127.0.0.1'])
    },
  },
  { settings: { trustClient: true } },
)

export const forwarded = [...added, ...replaced, ...extended]

import { describe, expect, it } from 'vitest'
import { NotAuthorizedError } from '../errors.js'
import type { ForwardingHooks } from './hooks.js'
import { Setup } from './test-support/setup.js'

const get = 'GET /a/b?c=1 HTTP/1.1\r\nHost: pr-1.test\r\n\r\n'

const boom = (): never => {
  throw new Error('boom')
}

const trap = (of: object, name: string): object =>
  Object.defineProperty(of, name, { get: boom, enumerable: true })
const unreadable: [string, object][] = [
  ['has a trap', trap({}, 'a')],
  ['is a trap', new Proxy({}, { ownKeys: boom })],
  ['has a value without a text', { a: Object.create(null) as string }],
  ['has a value whose text is a trap', { a: { toString: boom } }],
  ['has a list with a trap', { a: trap(['x'], '0') }],
]

describe('a hook that goes wrong is an answer', () => {
  it.each<[string, ForwardingHooks, string]>([
    ['pathRewrite throws', { pathRewrite: boom }, '`pathRewrite` failed'],
    ['pathRewrite leaves no path', { pathRewrite: () => 'x' }, 'begins with "/"'],
    ['pathRewrite smuggles', { pathRewrite: () => '/ HTTP/1.1\r\nX: y' }, 'begins with "/"'],
    ['pathRewrite promises', { pathRewrite: (async () => '/x') as never }, 'be asynchronous'],
    ['pathRewrite rejects', { pathRewrite: (async () => boom()) as never }, 'be asynchronous'],
    [
      'rewriteRequestHeaders rejects',
      { rewriteRequestHeaders: (async () => boom()) as never },
      'be asynchronous',
    ],
    ...unreadable.flatMap(([what, fields]): [string, ForwardingHooks, string][] => [
      [
        `what rewriteRequestHeaders returns ${what}`,
        { rewriteRequestHeaders: () => fields as never },
        'rewriteRequestHeaders',
      ],
      [
        `what onRequest leaves ${what}`,
        { onRequest: async (_, outgoing) => void (outgoing.headers = fields as never) },
        'onRequest',
      ],
    ]),
    [
      'onRequest leaves a trap',
      { onRequest: (_, outgoing) => void trap(outgoing, 'path') },
      '`onRequest` failed',
    ],
    [
      'onRequest returns a trap',
      { onRequest: () => trap({}, 'then') as never },
      '`onRequest` failed',
    ],
    ['rewriteRequestHeaders throws', { rewriteRequestHeaders: boom }, 'failed'],
    [
      'rewriteRequestHeaders returns nothing',
      { rewriteRequestHeaders: (() => {}) as never },
      'return the fields',
    ],
    [
      'a value smuggles',
      { rewriteRequestHeaders: () => ({ a: '1\r\nb: 2' }) },
      'no message can carry',
    ],
    [
      'a name smuggles',
      { rewriteRequestHeaders: () => ({ 'a\r\nb': '1' }) },
      'no message can carry',
    ],
    ['there are two Hosts', { rewriteRequestHeaders: () => ({ host: ['a', 'b'] }) }, 'one Host'],
    ['the length changes', { rewriteRequestHeaders: () => ({ 'Content-Length': '7' }) }, 'framed'],
    [
      'chunks are announced',
      { rewriteRequestHeaders: () => ({ 'transfer-encoding': 'chunked' }) },
      'framed',
    ],
    ['onRequest throws', { onRequest: boom }, '`onRequest` failed'],
    ['onRequest rejects', { onRequest: async () => boom() }, '`onRequest` failed'],
    [
      'onRequest leaves no path',
      { onRequest: (_, outgoing) => void (outgoing.path = '') },
      'begins with "/"',
    ],
  ])('where %s, before anything is sent', async (_, hooks, reason) => {
    await using setup = await Setup.of('tcp', hooks)
    setup.client.send(get)
    expect(await setup.client.until('ALCOVE_HOOK_FAILED')).toContain('HTTP/1.1 500 ')
    expect(setup.front.errors[0]?.reason).toContain(reason)
    expect(setup.upstream.connections).toHaveLength(0)
  })

  it.each<[string, ForwardingHooks]>([
    ['rewriteHeaders throws', { rewriteHeaders: boom }],
    ['rewriteHeaders returns nothing', { rewriteHeaders: (() => {}) as never }],
    ['rewriteHeaders promises', { rewriteHeaders: (async () => ({})) as never }],
    ['rewriteHeaders rejects', { rewriteHeaders: (async () => boom()) as never }],
    ['onResponse throws', { onResponse: boom }],
    ...unreadable.flatMap(([what, fields]): [string, ForwardingHooks][] => [
      [`what rewriteHeaders returns ${what}`, { rewriteHeaders: () => fields as never }],
      [
        `what onResponse leaves ${what}`,
        { onResponse: (_, incoming) => void (incoming.headers = fields as never) },
      ],
    ]),
    ['onResponse leaves a trap', { onResponse: (_, incoming) => void trap(incoming, 'headers') }],
    [
      'onResponse is asynchronous',
      { onResponse: () => Promise.reject(new Error('boom')) as never },
    ],
    [
      'onResponse smuggles',
      { onResponse: (_, incoming) => void (incoming.headers['a'] = '1\r\nb: 2') },
    ],
    ['the length changes', { rewriteHeaders: () => ({ 'content-length': '9' }) }],
  ])('where %s, instead of the environment’s', async (_, hooks) => {
    await using setup = await Setup.of('tcp', hooks)
    const { wire } = await setup.request(get)
    wire.send('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
    expect(await setup.client.until('ALCOVE_HOOK_FAILED')).toContain('HTTP/1.1 500 ')
    await wire.end()
  })

  it('chosen by the host where it throws an error of Alcove’s', async () => {
    await using setup = await Setup.of('tcp', {
      onRequest: async () => {
        throw new NotAuthorizedError(403, 'No')
      },
    })
    setup.client.send(get)
    expect(await setup.client.until('ALCOVE_NOT_AUTHORIZED')).toContain('HTTP/1.1 403 ')
  })
})

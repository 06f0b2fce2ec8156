import assert from 'node:assert/strict'
import type { Case } from '../../subject.ts'
import { both, group, http1 } from '../case.ts'

function answer(fields: string, trailers: string): string {
  return `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n${fields}\r\n2\r\nok\r\n0\r\n${trailers}\r\n`
}

/** The trailers that a client gets which says that it takes them. */
function trailing(
  sent: string,
  check: (trailers: (name: string) => string[]) => void,
): Case['run'] {
  return async (scene) => {
    const fields = [
      ['Connection', 'TE'],
      ['TE', 'trailers'],
    ] as const
    const { call, wire } = await scene.exchange({
      fields: scene.front === 'http1' ? fields : fields.slice(1),
    })
    wire.send(sent)
    const { body, trailers } = await call.whole()
    assert.equal(body, 'ok')
    check((name) => trailers.values(name))
  }
}

export const trailers = [
  ...group('streaming', 'RFC 9110 §6.5', both, {
    'Trailers of an answer are relayed': trailing(
      answer('Trailer: X-Sum, X-More\r\n', 'X-Sum: abc\r\nX-More: \xe4\r\n'),
      (values) => {
        assert.deepEqual(values('x-sum'), ['abc'])
        assert.deepEqual(values('x-more'), ['\xe4'])
      },
    ),
    async 'Trailers of an answer are announced as the environment has announced them'(scene) {
      const { call, wire } = await scene.exchange({ fields: [['TE', 'trailers']] })
      wire.send(answer('Trailer: X-Sum, X-More\r\n', 'X-Sum: abc\r\nX-More: 1\r\n'))
      const { head } = await call.whole()
      assert.deepEqual(head.list('trailer'), ['X-Sum', 'X-More'])
    },
    'Trailers that were not announced are relayed, or dropped': trailing(
      answer('', 'X-Sum: abc\r\n'),
      (values) => assert.match(values('x-sum').join(), /^(abc)?$/),
    ),
  }),
  ...group('streaming', 'RFC 9110 §6.5.1', both, {
    'Trailers about connections and framing are dropped': trailing(
      answer(
        'Trailer: X-Sum\r\n',
        'Connection: close\r\nTransfer-Encoding: chunked\r\nKeep-Alive: timeout=77\r\nX-Sum: abc\r\n',
      ),
      (values) => {
        assert.deepEqual(values('connection'), [])
        assert.deepEqual(values('transfer-encoding'), [])
        assert.deepEqual(values('keep-alive'), [])
      },
    ),
  }),
  ...group('streaming', 'RFC 9110 §6.5', http1, {
    async 'A client of HTTP/1.0 gets no trailers, but the body'(scene) {
      const client = await scene.wire()
      client.send('GET / HTTP/1.0\r\nHost: shop.test\r\n\r\n')
      const wire = await scene.environment.connection()
      await wire.head()
      wire.send(answer('Trailer: X-Sum\r\n', 'X-Sum: abc\r\n'))
      const { body } = await client.message({ answerTo: 'GET' })
      assert.equal(body, 'ok')
    },
    async 'Trailer on an answer that can have none does no harm'(scene) {
      const { call, wire } = await scene.exchange()
      wire.send('HTTP/1.1 200 OK\r\nTrailer: X-Sum\r\nContent-Length: 2\r\n\r\nok')
      assert.equal((await call.whole()).body, 'ok')
    },
  }),
]

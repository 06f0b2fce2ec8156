import assert from 'node:assert/strict'
import type { Scene } from '../../subject.ts'
import { group, http1, ok } from '../case.ts'

const source = 'RFC 9110 §7.6.1'

/** A field of a request that must not arrive. */
function removed(name: string, value: string): (scene: Scene) => Promise<void> {
  return async (scene) => {
    const { head, call, wire } = await scene.exchange({
      fields: [
        [name, value],
        ['X-Kept', '1'],
      ],
    })
    assert.deepEqual(head.values(name.toLowerCase()), [])
    assert.deepEqual(head.values('x-kept'), ['1'])
    wire.send(ok)
    await call.whole()
  }
}
export const hopByHop = group('headers', source, http1, {
  'Keep-Alive of a request goes no further': removed('Keep-Alive', 'timeout=7'),
})

import assert from 'node:assert/strict'
import type { Case } from '../../subject.ts'
import type { Wire } from '../../wire/wire.ts'
import { group, http1 } from '../case.ts'
import { Flow } from '../flow.ts'
import { answered, assertServes, eachTime } from '../verdict.ts'
import { type Asked, agreement, ask, open, opening } from './tunnel.ts'

type Side = 'client' | 'wire'

/** One side ends; what it has said before arrives, and then the end. */
function ends(first: Side, second: Side): Case['run'] {
  return async (scene) => {
    const tunnel = await open(scene)
    tunnel[first].send('last words')
    tunnel[first].socket.end()
    assert.equal(await tunnel[second].end(), 'last words')
    tunnel[second].socket.end()
    await tunnel[first].end()
    await assertServes(scene)
  }
}

/** The connection of one side breaks, and the other one's ends. */
function breaks(first: Side, second: Side, how: 'destroy' | 'resetAndDestroy'): Case['run'] {
  return async (scene) => {
    const tunnel = await open(scene)
    tunnel[first].socket[how]()
    await tunnel[second].end()
    await assertServes(scene)
  }
}

/** Something happens to a connection before the answer, and the proxy is there for others. */
function before(happens: (asked: Asked) => unknown): Case['run'] {
  return async (scene) => {
    const asked = await ask(scene)
    await happens(asked)
    await assertServes(scene)
  }
}

export const upgradeEndings = [
  ...group('upgrades', 'RFC 9110 §7.8', http1, {
    'A client that ends has its last bytes delivered': ends('client', 'wire'),
    'An environment that ends has its last bytes delivered': ends('wire', 'client'),
    'A client whose connection breaks ends that to the environment': breaks(
      'client',
      'wire',
      'resetAndDestroy',
    ),
    'An environment whose connection breaks ends that of the client': breaks(
      'wire',
      'client',
      'destroy',
    ),
    'A client that leaves before the 101 ends the request to the environment': before(
      async ({ client, wire }) => {
        client.socket.resetAndDestroy()
        await wire.end()
      },
    ),
    'A client that ends before the 101 ends the request to the environment': before(
      async ({ client, wire }) => {
        client.socket.end()
        await wire.end()
      },
    ),
    async 'An environment that ends its connection in place of a 101 is 502'(scene) {
      const { client, wire } = await ask(scene)
      wire.socket.end()
      const status = eachTime(scene, answered(client), (again) => again.socket.end())
      assert.equal(await status, 502)
      await assertServes(scene)
    },
    async 'A client that is gone before anybody has seen its opening harms nobody'(scene) {
      for (let i = 0; i < 5; i += 1) {
        const client = await scene.wire()
        client.socket.write(opening(), () => client.socket.resetAndDestroy())
        await client.when(() => client.closed, 'its close')
      }
      const client = await scene.wire()
      client.send(opening().replace('/ws', '/last'))
      // Those of the others may have arrived before.
      let wire: Wire
      do wire = await scene.environment.connection()
      while (!(await wire.head()).target.startsWith('/last'))
      wire.send(agreement())
      assert.equal((await client.head()).status, 101)
    },
    async 'Both sides breaking at once harms nobody'(scene) {
      for (let i = 0; i < 3; i += 1) {
        const { client, wire } = await open(scene)
        client.send('ping')
        wire.send('pong')
        client.socket.resetAndDestroy()
        wire.socket.destroy()
      }
      const { client, wire } = await open(scene)
      client.send('ping')
      await wire.until('ping')
    },
  }),
  ...group(
    'upgrades',
    'RFC 9110 §7.8',
    http1,
    {
      'An environment that resets its connection ends that of the client': breaks(
        'wire',
        'client',
        'resetAndDestroy',
      ),
      async 'An environment that resets its connection in place of a 101 is 502'(scene) {
        const { client, wire } = await ask(scene)
        wire.socket.resetAndDestroy()
        const status = eachTime(scene, answered(client), (again) => again.socket.resetAndDestroy())
        assert.equal(await status, 502)
        await assertServes(scene)
      },
    },
    // A Unix socket knows no reset.
    { targets: ['tcp'] },
  ),
  ...group('upgrades', 'RFC 9110 §7.8', http1, {
    async 'A client that does not read holds the environment back'(scene) {
      const { client, wire } = await open(scene)
      await new Flow(wire.socket).assertHeldBack(client.rest())
    },
    async 'An environment that does not read holds the client back'(scene) {
      const { client, wire } = await open(scene)
      await new Flow(client.socket).assertHeldBack(wire.rest())
    },
  }),
]

import assert from 'node:assert/strict'
import type { Scene } from '../subject.ts'
import type { Call } from '../wire/client.ts'
import { Decoder } from '../wire/decoder.ts'
import { TooLateError } from '../wire/watch.ts'
import { Wire } from '../wire/wire.ts'
import { ok } from './case.ts'

/**
 * Where a request on a raw connection may be passed on or refused: the connection on which it arrived, or `undefined` once it was
 * refused with one of `statuses`, or by closing the connection.
 */
export async function arrivesOrIsRefused(
  scene: Scene,
  client: Wire,
  statuses: readonly number[],
): Promise<Wire | undefined> {
  return unless(await scene.environment.connectionOr(answered(client)), statuses)
}

/** The status of the next answer, 0 where the connection ends without one. */
export async function answered(client: Wire): Promise<number> {
  const decoder = new Decoder({ answerTo: 'HEAD' })
  await client.when(
    () => decoder.decode(client.received, false) || client.ended || client.closed,
    'an answer, or the end of the connection',
  )
  return decoder.head?.status ?? 0
}

/** Where the request of a call may be passed on or refused: as above. */
export async function callArrivesOrIsRefused(
  scene: Scene,
  call: Call,
  statuses: readonly number[],
): Promise<Wire | undefined> {
  return unless(await scene.environment.connectionOr(statusOf(call)), statuses)
}

/** The status of a call's answer, 0 where its connection or stream ends without one. */
export async function statusOf(call: Call): Promise<number> {
  try {
    return (await call.head()).status
  } catch (error) {
    if (error instanceof TooLateError) throw error
    return 0
  }
}

function unless(outcome: Wire | number, statuses: readonly number[]): Wire | undefined {
  if (typeof outcome !== 'number') return outcome
  if (outcome !== 0) assert.ok(statuses.includes(outcome), `it was refused with ${outcome}`)
  return undefined
}

/**
 * Lets the same happen to every connection on which a request arrives, until something comes of it. A proxy may ask again
 * where that does nothing twice (RFC 9110 §9.2.2).
 */
export async function eachTime<T>(
  scene: Scene,
  outcome: Promise<T>,
  happens: (wire: Wire) => unknown,
): Promise<T> {
  for (;;) {
    const next = await scene.environment.connectionOr(outcome)
    if (!(next instanceof Wire)) return next
    happens(next)
  }
}

/** The proxy is there for the next client, on a new connection to the environment or on `used`. */
export async function assertServes(scene: Scene, used?: Wire): Promise<void> {
  const call = (await scene.client()).ask({ path: '/next' })
  const wire = await scene.environment.connection(used)
  assert.equal((await wire.head()).target, '/next')
  wire.send(ok)
  assert.equal((await call.whole()).body, 'ok')
}

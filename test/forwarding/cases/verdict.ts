import assert from 'node:assert/strict'
import type { Scene } from '../subject.ts'
import { Decoder } from '../wire/decoder.ts'
import type { Wire } from '../wire/wire.ts'

/**
 * Where a request on a raw connection may be passed on or refused: the connection on which it arrived, or `undefined` once it was
 * refused with one of `statuses`, or by closing the connection.
 */
export async function arrivesOrIsRefused(
  scene: Scene,
  client: Wire,
  statuses: readonly number[],
): Promise<Wire | undefined> {
  const arrived = await Promise.race([scene.environment.connection(), answered(client)])
  if (typeof arrived !== 'number') return arrived
  if (arrived !== 0) assert.ok(statuses.includes(arrived), `it was refused with ${arrived}`)
  return undefined
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

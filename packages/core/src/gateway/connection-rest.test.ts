import { once } from 'node:events'
import type { Socket } from 'node:net'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { expect, it } from 'vitest'
import type { GatewayOptions } from './options.js'
import { LoadScene } from './test-support/load-scene.js'

/** A client that keeps its connection, and the gateway's side of that. */
interface Keeper {
  readonly client: Socket
  readonly side: Socket
}

async function keeper(scene: LoadScene): Promise<Keeper> {
  const opened = once(scene.front, 'connection')
  const client = await scene.socket()
  const [side] = (await opened) as [Socket]
  return { client, side }
}

const get = (id: string, path: string): string =>
  `GET ${path} HTTP/1.1\r\nHost: a.test\r\nX-Env-Id: ${id}\r\n\r\n`

/** So many of others are in line for `a` once the first of the keeper's requests is answered. */
async function flooded(
  scene: LoadScene,
  { client }: Keeper,
  how: { readonly inLine?: number; readonly head?: string } = {},
): Promise<void> {
  const { inLine = 256, head = get('a', '/first') } = how
  client.write(head)
  await scene.arrived(1)
  for (let other = 0; other <= inLine; other += 1) scene.ask('a', { path: '/other' })
  await scene.queued('a', inLine + 1)
  const answer = once(client, 'data')
  scene.answerFirst()
  await answer
  await scene.queued('a', inLine)
}

/** Answers whatever comes, until a request for this path is here. @returns what came before */
async function answerUntil(scene: LoadScene, path: string): Promise<readonly string[]> {
  const before: string[] = []
  for (;;) {
    const [next] = await scene.arrived(1)
    const { url = '' } = next?.request ?? {}
    scene.answerFirst()
    if (url === path) return before
    before.push(url)
  }
}

const options: Partial<GatewayOptions> = { maxInFlight: 1 }

it('a connection whose environment has enough in line is not read until that is less, and then is', async () => {
  await using scene = await LoadScene.of(options)
  const kept = await keeper(scene)
  await flooded(scene, kept)
  while (!kept.side.isPaused()) await nextTurn()
  const answer = once(kept.client, 'data')
  kept.client.write(get('a', '/second'))
  await answerUntil(scene, '/second')
  expect(String(await answer)).toMatch(/^HTTP\/1\.1 200 /)
  expect(kept.side.isPaused()).toBe(false)
})

it('a client that leaves while its connection is not read is let go', async () => {
  await using scene = await LoadScene.of(options)
  const kept = await keeper(scene)
  await flooded(scene, kept)
  while (!kept.side.isPaused()) await nextTurn()
  const closed = once(kept.side, 'close')
  kept.client.destroy()
  await closed
})

it.each([
  ['few are in line', { inLine: 255 }],
  [
    'it is to be closed',
    { head: get('a', '/first').replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n') },
  ],
])('a connection is read on where %s', async (_, how) => {
  await using scene = await LoadScene.of(options)
  const kept = await keeper(scene)
  await flooded(scene, kept, how)
  await otherAnswered(scene)
  expect(kept.side.isPaused()).toBe(false)
})

it('a connection is read on where the server would close it soon', async () => {
  await using scene = await LoadScene.of(options)
  scene.front.keepAliveTimeout = 999
  const kept = await keeper(scene)
  await flooded(scene, kept)
  await otherAnswered(scene)
  expect(kept.side.isPaused()).toBe(false)
})

it('a connection that asks for several environments does not rest again, for the next request may be anybody’s', async () => {
  await using scene = await LoadScene.of(options)
  const kept = await keeper(scene)
  await flooded(scene, kept)
  while (!kept.side.isPaused()) await nextTurn()
  // It is read after a moment, whatever is in line.
  const quiet = once(kept.client, 'data')
  kept.client.write(get('b', '/quiet'))
  ;(await arrivedAt(scene, '/quiet')).response.end('done')
  await quiet
  kept.client.write(get('a', '/again'))
  await scene.queued('a', 257)
  for (let other = 0; other < 257; other += 1) scene.ask('a', { path: '/other' })
  await scene.queued('a', 514)
  const again = once(kept.client, 'data')
  expect(await answerUntil(scene, '/again')).toHaveLength(257)
  await again
  await scene.queued('a', 256)
  await otherAnswered(scene)
  expect(kept.side.isPaused()).toBe(false)
})

/** Takes the request for this path out of those that have come. */
async function arrivedAt(scene: LoadScene, path: string): Promise<LoadScene['asked'][number]> {
  for (;;) {
    const at = scene.asked.findIndex(({ request }) => request.url === path)
    const [found] = at === -1 ? [] : scene.asked.splice(at, 1)
    if (found) return found
    await nextTurn()
  }
}

/** A request of another environment goes all the way: whatever was to become of those before it has. */
async function otherAnswered(scene: LoadScene): Promise<void> {
  const { answer } = scene.ask('other', { path: '/last' })
  ;(await arrivedAt(scene, '/last')).response.end('done')
  await answer
}

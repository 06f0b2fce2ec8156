import { describe, expect, it } from 'vitest'
import type { Restriction } from '../events.js'
import type { FrontOptions } from './test-support/front.js'
import { Setup } from './test-support/setup.js'

const script = 'Host: a\r\nService-Worker: script\r\n\r\n'

/** Whether the script at this target is fetched from an environment below `/env/pr-1`. */
async function fetches(target: string, options: FrontOptions = {}): Promise<boolean> {
  const restrictions: Restriction[] = []
  await using setup = await Setup.of('tcp', {
    to: { clientTarget: target, target: '/sw.js', ownPath: '/env/pr-1' },
    onRestricted: (restriction) => restrictions.push(restriction),
    ...options,
  })
  setup.client.send(`GET ${target} HTTP/1.1\r\n${script}`)
  const refused = setup.client.until('ALCOVE_NOT_AUTHORIZED').then(() => false)
  const passed = setup.upstream.connection().then(() => true)
  const result = await Promise.race([refused, passed])
  expect(restrictions.map(({ field }) => field)).toEqual(result ? [] : ['service-worker'])
  setup.client.socket.destroy()
  await refused.catch(() => {})
  return result
}

describe('the script of a service worker', () => {
  it.each([
    ['/env/pr-1/sw.js', true],
    ['/env/pr-1/a/sw.js', true],
    ['/sw.js', false],
    ['/env/sw.js', false],
    ['/env/pr-10/sw.js', false],
  ])('at %s is fetched below its path: %s', async (target, fetched) => {
    expect(await fetches(target)).toBe(fetched)
  })

  it('is fetched from anywhere with an option, and where the environment has all of its host', async () => {
    expect(await fetches('/sw.js', { allowServiceWorkerScope: true })).toBe(true)
    expect(await fetches('/sw.js', { to: { target: '/sw.js' } })).toBe(true)
  })
})

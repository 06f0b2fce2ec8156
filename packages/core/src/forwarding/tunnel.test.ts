import { Duplex } from 'node:stream'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { FakeLease } from './test-support/fake-lease.js'
import { Tunnel } from './tunnel.js'

/** One end that takes nothing until it is let. */
class Slow extends Duplex {
  readonly written: Buffer[] = []
  #taken: (() => void) | undefined

  constructor() {
    super({ writableHighWaterMark: 1 })
  }

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: BufferEncoding, taken: () => void): void {
    this.written.push(chunk)
    this.#taken = taken
  }

  accept(): void {
    this.#taken?.()
  }
}

describe('a tunnel', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  })
  afterEach(() => {
    vi.useRealTimers()
  })

  function open(): { client: Slow; upstream: Slow; tunnel: Tunnel; lease: FakeLease } {
    const client = new Slow()
    const upstream = new Slow()
    const lease = new FakeLease({ kind: 'dial' })
    const tunnel = new Tunnel(client, upstream, lease)
    tunnel.start(Buffer.alloc(0))
    return { client, upstream, tunnel, lease }
  }
  const turn = (): Promise<unknown> => new Promise((resolve) => setImmediate(resolve))

  it('reads no more than is taken', async () => {
    const { client, upstream, tunnel } = open()
    upstream.push('x')
    await turn()
    expect(client.written).toHaveLength(1)
    expect(upstream.isPaused()).toBe(true)
    client.accept()
    await turn()
    expect(upstream.isPaused()).toBe(false)
    tunnel.destroy()
    await tunnel.ended
  })

  it('reads the end of a side that was held back by one that has closed', async () => {
    const { client, upstream, tunnel } = open()
    upstream.push('x')
    await turn()
    client.push(null)
    await turn()
    client.destroy()
    await turn()
    expect(upstream.isPaused()).toBe(false)
    upstream.push(null)
    await turn()
    upstream.destroy()
    await tunnel.ended
    expect(vi.getTimerCount()).toBe(0)
  })

  it('waits for a second side that does not end, but not for ever', async () => {
    const { client, upstream, tunnel } = open()
    client.push(null)
    await turn()
    expect(vi.getTimerCount()).toBe(1)
    vi.runAllTimers()
    await tunnel.ended
    expect([client.destroyed, upstream.destroyed]).toEqual([true, true])
    expect(vi.getTimerCount()).toBe(0)
  })

  it.each(['client', 'upstream'] as const)(
    'that begins with a %s that has ended already ends too',
    async (side) => {
      const sides = { client: new Slow(), upstream: new Slow() }
      sides[side].push(null)
      sides[side].resume()
      await turn()
      expect(sides[side].readableEnded).toBe(true)
      const tunnel = new Tunnel(sides.client, sides.upstream, new FakeLease({ kind: 'dial' }))
      tunnel.start(Buffer.alloc(0))
      vi.runAllTimers()
      await tunnel.ended
    },
  )

  it('breaks with either side', async () => {
    const { client, upstream, tunnel } = open()
    upstream.on('error', () => {}).destroy(new Error('broken'))
    await tunnel.ended
    expect(client.destroyed).toBe(true)
  })

  it('that begins with a side that is gone ends at once', async () => {
    const client = new Slow()
    const upstream = new Slow()
    upstream.destroy()
    await turn()
    const tunnel = new Tunnel(client, upstream, new FakeLease({ kind: 'dial' }))
    tunnel.start(Buffer.from('x'))
    await tunnel.ended
    expect(client.destroyed).toBe(true)
  })

  it('counts what came with the handshake', async () => {
    const client = new Slow()
    const upstream = new Slow()
    const lease = new FakeLease({ kind: 'dial' })
    const tunnel = new Tunnel(client, upstream, lease)
    tunnel.start(Buffer.from([0x81, 0x81, 0, 0, 0, 0, 0x61]))
    expect(lease.touches).toBe(1)
    expect(upstream.written).toHaveLength(1)
    tunnel.destroy()
    await tunnel.ended
  })

  it('whose lease was revoked before ends at once', async () => {
    const lease = new FakeLease({ kind: 'dial' })
    lease.revoke('gone')
    const client = new Slow()
    const tunnel = new Tunnel(client, new Slow(), lease)
    tunnel.start(Buffer.alloc(0))
    await tunnel.ended
    expect(client.destroyed).toBe(true)
  })
})

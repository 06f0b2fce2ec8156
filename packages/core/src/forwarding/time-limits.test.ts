import { describe, expect, it, vi } from 'vitest'
import type { AlcoveError } from '../errors.js'
import { FakeLease } from './test-support/fake-lease.js'
import { Front, type FrontOptions } from './test-support/front.js'
import { Setup } from './test-support/setup.js'

const get = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'

/** A setup that notes why answers are cut off. */
async function make(options: FrontOptions): Promise<{ setup: Setup; cut: Promise<AlcoveError> }> {
  const { promise, resolve } = Promise.withResolvers<AlcoveError>()
  return { setup: await Setup.of('tcp', { ...options, to: { onCut: resolve } }), cut: promise }
}

describe('connectTimeoutMs', () => {
  it('ends the wait for a connection, with 504', async () => {
    const lease = new FakeLease({ kind: 'dial' })
    const dial = (): Promise<never> => new Promise(() => {})
    await using front = await Front.listen(lease, { connectTimeoutMs: 30, dial })
    const client = await front.client()
    client.send(get)
    expect(await client.until('ALCOVE_CONNECT_TIMEOUT')).toContain('HTTP/1.1 504 ')
  })
})

describe('headersTimeoutMs', () => {
  it('ends the wait for the first byte, with 504', async () => {
    await using setup = await Setup.of('tcp', { headersTimeoutMs: 30 })
    const { wire } = await setup.request(get)
    expect(await setup.client.until('ALCOVE_HEADERS_TIMEOUT')).toContain('HTTP/1.1 504 ')
    await wire.end()
  })

  it('is not put off by interim answers', async () => {
    await using setup = await Setup.of('tcp', { headersTimeoutMs: 250 })
    const { wire } = await setup.request(get)
    const more = setInterval(() => wire.send('HTTP/1.1 102 Processing\r\n\r\n'), 20)
    try {
      expect(await setup.client.until('ALCOVE_HEADERS_TIMEOUT')).toContain('HTTP/1.1 504 ')
      await wire.end()
    } finally {
      clearInterval(more)
    }
  })

  it('begins with the end of an upload, interim answers or not', async () => {
    await using setup = await Setup.of('tcp', { headersTimeoutMs: 100 })
    setup.client.send('POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n')
    const { wire } = await setup.request('1\r\na\r\n')
    wire.send('HTTP/1.1 102 Processing\r\n\r\n')
    await setup.client.head()
    // Another request that times out shows that the time was over twice.
    for (let times = 0; times < 2; times += 1) {
      const other = await setup.front.client()
      other.send(get)
      await other.until('ALCOVE_HEADERS_TIMEOUT')
    }
    setup.client.send('0\r\n\r\n')
    await wire.until('0\r\n\r\n')
    const more = setInterval(() => wire.send('HTTP/1.1 102 Processing\r\n\r\n'), 20)
    try {
      expect(await setup.client.until('ALCOVE_HEADERS_TIMEOUT')).toContain('HTTP/1.1 504 ')
    } finally {
      clearInterval(more)
    }
  })

  it('may be for ever', async () => {
    await using setup = await Setup.of('tcp', { headersTimeoutMs: Number.POSITIVE_INFINITY })
    const { wire } = await setup.request(get)
    wire.send('HTTP/1.1 204 No Content\r\n\r\n')
    expect(await setup.client.head()).toContain('204')
  })
})

describe('streamIdleTimeoutMs', () => {
  it.each(['text/event-stream', 'text/plain'])('cuts off a silent answer of %s', async (type) => {
    const { setup, cut } = await make({ streamIdleTimeoutMs: 30 })
    await using _ = setup
    const { wire } = await setup.request(get)
    wire.send(
      `HTTP/1.1 200 OK\r\nContent-Type: ${type}\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n`,
    )
    await setup.client.until('1\r\na\r\n')
    expect(await setup.client.end()).not.toContain('0\r\n\r\n')
    await wire.end()
    expect(await cut).toMatchObject({ code: 'ALCOVE_STREAM_IDLE_TIMEOUT', status: 504, id: 'pr-1' })
  })

  it('counts anew with each part', async () => {
    const { setup, cut } = await make({ streamIdleTimeoutMs: 200 })
    await using _ = setup
    const { wire } = await setup.request(get)
    wire.send('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n')
    const began = performance.now()
    for (let part = 0; part < 6; part += 1) {
      await new Promise((resolve) => setTimeout(resolve, 50))
      wire.send('1\r\na\r\n')
      await setup.client.until('1\r\na\r\n')
    }
    await cut
    // Without that it would have been cut after 200 ms.
    expect(performance.now() - began).toBeGreaterThan(450)
  })

  it('cuts off a client that takes nothing', async () => {
    const { promise, resolve } = Promise.withResolvers<AlcoveError>()
    await using setup = await Setup.of('tcp', {
      streamIdleTimeoutMs: 100,
      to: { onCut: resolve },
    })
    const client = await setup.front.client({ read: false })
    client.send(get)
    const wire = await setup.upstream.connection()
    await wire.head()
    wire.send('HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n')
    const chunk = Buffer.alloc(1 << 20)
    const fill = (): void => {
      while (!wire.socket.destroyed && wire.socket.write(chunk));
      wire.socket.once('drain', fill)
    }
    fill()
    expect(await promise).toMatchObject({ code: 'ALCOVE_STREAM_IDLE_TIMEOUT' })
    await setup.front.done[0]
  })

  it('answers 408 to a client that does not send on', async () => {
    await using setup = await Setup.of('tcp', { streamIdleTimeoutMs: 30 })
    const { wire } = await setup.request(
      'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\nbegin',
    )
    expect(await setup.client.until('ALCOVE_STREAM_IDLE_TIMEOUT')).toContain('HTTP/1.1 408 ')
    await wire.end()
  })

  it('leaves a whole upload and what is not streamed to the other limits', async () => {
    await using setup = await Setup.of('tcp', { streamIdleTimeoutMs: 30, headersTimeoutMs: 150 })
    setup.client.send('POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n')
    setup.client.send('1\r\na\r\n')
    await setup.request('0\r\n\r\n')
    expect(await setup.client.until('ALCOVE_HEADERS_TIMEOUT')).toContain('HTTP/1.1 504 ')
  })
})

describe('requestTimeoutMs', () => {
  it('ends what has not been answered, with 504', async () => {
    await using setup = await Setup.of('tcp', { requestTimeoutMs: 30 })
    const { wire } = await setup.request(get)
    expect(await setup.client.until('ALCOVE_REQUEST_TIMEOUT')).toContain('HTTP/1.1 504 ')
    await wire.end()
  })

  it('cuts off an answer that goes on and on', async () => {
    const { setup, cut } = await make({ requestTimeoutMs: 50 })
    await using _ = setup
    const { wire } = await setup.request(get)
    wire.send('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n')
    const more = setInterval(() => wire.send('1\r\na\r\n'), 5)
    await wire.end()
    clearInterval(more)
    expect(await setup.client.end()).not.toContain('0\r\n\r\n')
    expect(await cut).toMatchObject({ code: 'ALCOVE_REQUEST_TIMEOUT', status: 504 })
  })

  it('is not for event streams, nor for tunnels', async () => {
    await using setup = await Setup.of('tcp', { requestTimeoutMs: 30 })
    const { wire } = await setup.request(get)
    wire.send('HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n')
    await setup.client.head()
    const second = await setup.front.client()
    second.send('GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n')
    const tunnel = await setup.upstream.connection()
    await tunnel.head()
    tunnel.send(
      'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n',
    )
    await second.head()
    // A request that begins later and times out shows that the others' time was over before.
    const third = await setup.front.client()
    third.send(get)
    await third.until('ALCOVE_REQUEST_TIMEOUT')
    wire.send('data: 1\n\n')
    tunnel.send('hello')
    await setup.client.until('data: 1')
    await second.until('hello')
  })
})

it.each([
  ['answered after a hint', 'HTTP/1.1 103 E\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'],
  ['answered', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'],
  ['broken off', 'HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok'],
  ['refused', 'nonsense'],
])('no timer outlives a request that is %s', async (_, answer) => {
  const options = {
    requestTimeoutMs: 61_000,
    streamIdleTimeoutMs: 62_000,
    headersTimeoutMs: 63_000,
  }
  const set = vi.spyOn(globalThis, 'setTimeout')
  const cleared = vi.spyOn(globalThis, 'clearTimeout')
  try {
    await using setup = await Setup.of('tcp', options)
    setup.client.send('POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n')
    const { wire } = await setup.request('1\r\na\r\n0\r\n\r\n')
    wire.send(answer)
    wire.socket.end()
    await setup.front.done[0]
    const ours = set.mock.calls.flatMap(([, ms], call) =>
      Object.values(options).includes(Number(ms)) ? [set.mock.results[call]?.value as unknown] : [],
    )
    expect(ours.length).toBeGreaterThan(1)
    const ended = new Set<unknown>(cleared.mock.calls.map(([timer]) => timer))
    expect(ours.filter((timer) => !ended.has(timer))).toEqual([])
  } finally {
    vi.restoreAllMocks()
  }
})

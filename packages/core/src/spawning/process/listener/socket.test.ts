import { existsSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import type { Endpoint } from '../../../environment/endpoint.js'
import { temporaryFolder } from '../fixtures/harness.js'
import { accepts } from './accepts.js'
import { watchFolder } from './folder-watch.js'
import { bindPath, listenOnSocket } from './socket.js'

function watch(folder: string, staysMs?: number): { endpoints: Endpoint[]; notes: string[] } {
  const endpoints: Endpoint[] = []
  const notes: string[] = []
  const listener = listenOnSocket(
    folder,
    {
      endpoint: (endpoint) => endpoints.push(endpoint),
      portTaken: () => {},
      note: (line) => notes.push(line),
    },
    staysMs,
  )
  onTestFinished(() => listener.close())
  return { endpoints, notes }
}

/** A server whose socket's file stays when it ends, as after SIGKILL. */
function serve(path: string, answer: string): Promise<{ crash(): Promise<void>; server: Server }> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.end(answer)
  })
  const crash = (): Promise<void> =>
    new Promise((resolve) => {
      for (const socket of sockets) socket.destroy()
      server.close(() => resolve())
    })
  onTestFinished(async () => {
    if (server.listening) await crash()
  })
  return new Promise((resolve) => {
    server.listen(path, () => resolve({ crash, server }))
  })
}

const ask = (endpoint: Endpoint | undefined): Promise<string> =>
  new Promise((resolve, reject) => {
    if (endpoint?.kind !== 'unix') throw new Error('no endpoint')
    void import('node:net').then(({ connect }) => {
      let text = ''
      connect({ path: endpoint.path })
        .on('data', (data) => {
          text += String(data)
        })
        .on('end', () => resolve(text))
        .on('error', reject)
    })
  })

test('the endpoint is told when the socket accepts, not before', async () => {
  const folder = temporaryFolder()
  const { endpoints } = watch(folder)
  writeFileSync(bindPath(folder), 'a file that is no socket')
  writeFileSync(join(folder, 'other'), '')
  rmSync(bindPath(folder))
  expect(endpoints).toEqual([])
  await serve(bindPath(folder), 'hello')
  await vi.waitFor(() => expect(endpoints).toHaveLength(1))
  expect(await ask(endpoints[0])).toBe('hello')
})

test('a socket that was there before the watch is found', async () => {
  const folder = temporaryFolder()
  await serve(bindPath(folder), 'hello')
  const { endpoints } = watch(folder)
  await vi.waitFor(() => expect(endpoints).toHaveLength(1))
})

test('the path in PORT becomes free, and a restarted program takes over under the same endpoint', async () => {
  const folder = temporaryFolder()
  const { endpoints, notes } = watch(folder, 1)
  const first = await serve(bindPath(folder), 'first')
  await vi.waitFor(() => expect(endpoints).toHaveLength(1))
  await vi.waitFor(() => expect(existsSync(bindPath(folder))).toBe(false))
  expect(await ask(endpoints[0])).toBe('first')
  await first.crash()
  await expect(ask(endpoints[0])).rejects.toThrow(/ECONNREFUSED/)
  await serve(bindPath(folder), 'second')
  await vi.waitFor(async () => expect(await ask(endpoints[0])).toBe('second'))
  expect(endpoints).toHaveLength(1)
  expect(notes).toEqual([])
})

test('a second server gets nothing while the first one listens, and takes over when that ends', async () => {
  const folder = temporaryFolder()
  const { endpoints, notes } = watch(folder, 1)
  const first = await serve(bindPath(folder), 'first')
  await vi.waitFor(() => expect(endpoints).toHaveLength(1))
  await vi.waitFor(() => expect(existsSync(bindPath(folder))).toBe(false))
  await serve(bindPath(folder), 'second')
  await vi.waitFor(() =>
    expect(notes).toEqual([expect.stringContaining('a second server listens on PORT')]),
  )
  expect(await ask(endpoints[0])).toBe('first')
  await first.crash()
  await vi.waitFor(async () => expect(await ask(endpoints[0])).toBe('second'))
})

test('a socket that a former run had found is found again', async () => {
  const folder = temporaryFolder()
  const before = watch(folder, 1)
  await serve(bindPath(folder), 'hello')
  await vi.waitFor(() => expect(before.endpoints).toHaveLength(1))
  await vi.waitFor(() => expect(existsSync(bindPath(folder))).toBe(false))
  const { endpoints } = watch(folder)
  await vi.waitFor(() => expect(endpoints).toEqual(before.endpoints))
})

test('without a watch of the system the folder is looked at now and then', async () => {
  const folder = temporaryFolder()
  const changed = vi.fn<() => void>()
  const end = watchFolder(folder, changed, () => {
    throw Object.assign(new Error('ENOSPC: no watches left'), { code: 'ENOSPC' })
  })
  await vi.waitFor(() => expect(changed.mock.calls.length).toBeGreaterThan(3))
  end()
})

test('a watch that breaks later is replaced, too', async () => {
  const { EventEmitter } = await import('node:events')
  const broken = Object.assign(new EventEmitter(), { close: vi.fn<() => void>() })
  const changed = vi.fn<() => void>()
  const end = watchFolder(temporaryFolder(), changed, () => broken as never)
  broken.emit('error', new Error('EMFILE'))
  await vi.waitFor(() => expect(changed.mock.calls.length).toBeGreaterThan(3))
  expect(broken.close).toHaveBeenCalled()
  end()
})

test('whether something accepts', async () => {
  const folder = temporaryFolder()
  const path = bindPath(folder)
  expect(await accepts({ path })).toBe(false)
  const { crash } = await serve(path, '')
  expect(await accepts({ path })).toBe(true)
  await crash()
  expect(await accepts({ path })).toBe(false)
})

import { type IncomingMessage, ServerResponse } from 'node:http'
import { Duplex } from 'node:stream'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { bareResponse } from './bare-response.js'

class Connection extends Duplex {
  readonly written: string[] = []
  override _read(): void {}
  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.written.push(chunk.toString())
    done()
  }
}

const request = { method: 'GET', httpVersionMajor: 1, httpVersionMinor: 1 } as IncomingMessage

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
})
afterEach(() => {
  expect(vi.getTimerCount()).toBe(0)
  vi.useRealTimers()
})

it('ends the connection with the answer, and waits for its client, but not for ever', async () => {
  const socket = new Connection()
  const response = bareResponse(request, socket)
  const closed = new Promise((resolve) => response?.once('close', resolve))
  response?.end('no')
  await closed
  expect(socket.written.join('')).toMatch(/^HTTP\/1\.1 200 OK\r\n[^]*no/)
  expect([socket.writableEnded, socket.destroyed]).toEqual([true, false])
  const gone = new Promise((resolve) => socket.once('close', resolve))
  vi.runAllTimers()
  await gone
  expect(socket.destroyed).toBe(true)
})

it('is none where an earlier answer is not out', () => {
  const socket = new Connection()
  new ServerResponse(request).assignSocket(socket as never)
  expect(bareResponse(request, socket)).toBeUndefined()
  socket.destroy()
})

import { EventEmitter } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { discardBytes, discardMs, discardRest } from './early-answer.js'

class Upload extends Readable {
  readonly httpVersionMajor = 1
  readonly socket = Object.assign(new EventEmitter(), {
    destroyed: false,
    destroy: (): void => void (this.socket.destroyed = true),
  })
  override _read(): void {}

  send(bytes: number): void {
    this.emit('data', { length: bytes })
  }
}

class Answer extends EventEmitter {
  writableFinished = false
  finish(): void {
    this.writableFinished = true
    this.emit('finish')
  }
}

describe('the rest of an upload that has its answer', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  })
  afterEach(() => {
    expect(vi.getTimerCount()).toBe(0)
    vi.useRealTimers()
  })

  function discard(end?: () => void): { readonly upload: Upload; readonly answer: Answer } {
    const upload = new Upload()
    const answer = new Answer()
    discardRest(upload as unknown as IncomingMessage, answer as unknown as ServerResponse, end)
    return { upload, answer }
  }

  it('has its time, which begins when the answer is out', () => {
    const { upload, answer } = discard()
    vi.advanceTimersByTime(discardMs * 10)
    answer.finish()
    vi.advanceTimersByTime(discardMs - 1)
    expect(upload.socket.destroyed).toBe(false)
    vi.advanceTimersByTime(1)
    expect(upload.socket.destroyed).toBe(true)
  })

  it('has its size, but the connection stays while the answer is on its way', () => {
    const { upload, answer } = discard()
    upload.send(discardBytes)
    expect(upload.readableFlowing).toBe(true)
    upload.send(1)
    expect(upload.readableFlowing).toBe(false)
    expect(upload.socket.destroyed).toBe(false)
    answer.finish()
    expect(upload.socket.destroyed).toBe(true)
  })

  it('is no matter once it has ended', async () => {
    const { upload, answer } = discard()
    answer.finish()
    upload.send(10)
    upload.push(null)
    await new Promise((resolve) => upload.once('close', resolve))
    vi.advanceTimersByTime(discardMs)
    expect(upload.socket.destroyed).toBe(false)
  })

  it.each([
    ['when it has ended', (upload: Upload) => upload.destroy()],
    ['when it is too long', (upload: Upload) => upload.send(discardBytes + 1)],
    ['when it takes too long', () => void vi.advanceTimersByTime(discardMs)],
  ])('lets an answer that would close the connection end %s', async (_, happen) => {
    const end = vi.fn<() => void>()
    const { upload } = discard(end)
    expect(end).not.toHaveBeenCalled()
    happen(upload)
    await new Promise((resolve) => setImmediate(resolve))
    expect(end).toHaveBeenCalledTimes(1)
    expect(upload.socket.destroyed).toBe(false)
    upload.destroy()
    await new Promise((resolve) => setImmediate(resolve))
    expect(end).toHaveBeenCalledTimes(1)
  })

  it('ends with the connection, of which the request may not be told', () => {
    const { upload, answer } = discard()
    answer.finish()
    expect(vi.getTimerCount()).toBe(1)
    upload.socket.emit('close')
    expect([vi.getTimerCount(), upload.listenerCount('data')]).toEqual([0, 0])
    expect(upload.socket.listenerCount('close')).toBe(0)
  })

  it('is nothing where the client has gone already', async () => {
    const upload = new Upload()
    upload.destroy()
    await new Promise((resolve) => upload.once('close', resolve))
    const answer = new Answer()
    let ended = 0
    discardRest(upload as unknown as IncomingMessage, answer as unknown as ServerResponse, () => {
      ended += 1
    })
    expect([ended, vi.getTimerCount(), upload.listenerCount('data')]).toEqual([1, 0, 0])
  })
})

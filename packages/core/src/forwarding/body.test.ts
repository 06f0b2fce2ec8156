import type { IncomingMessage } from 'node:http'
import type { Http2ServerRequest } from 'node:http2'
import { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { describe, expect, it } from 'vitest'
import { BadRequestError } from '../errors.js'
import { RequestBody, requestBody } from './body.js'

class Request extends Readable {
  readonly httpVersionMajor: number = 1
  complete = false
  override _read(): void {}
}

/** A stream over HTTP/2 that was reset: it ends like one that was not. */
class AbortedStream extends Request {
  override readonly httpVersionMajor = 2
  readonly aborted = true
  readonly stream = { endAfterHeaders: false }
}

describe('the body of a request', () => {
  it('is not touched before somebody reads it', () => {
    const request = new Request()
    const body = requestBody(request as unknown as IncomingMessage, 'chunked', undefined)
    expect(body).toBeInstanceOf(RequestBody)
    expect(request.listenerCount('data')).toBe(0)
    expect(request.readableFlowing).toBe(null)
  })

  it('leaves the request alone when it is destroyed', async () => {
    const request = new Request()
    const body = requestBody(request as unknown as IncomingMessage, 'chunked', undefined)
    if (!(body instanceof RequestBody)) throw new Error('no stream')
    body.on('data', () => body.destroy())
    request.push('x')
    await new Promise((resolve) => body.once('close', resolve))
    expect(request.destroyed).toBe(false)
    for (const event of ['data', 'end', 'error', 'close']) {
      expect([event, request.listenerCount(event)]).toEqual([event, 0])
    }
  })

  it('that is whole stays so when its request closes before it is read', async () => {
    const request = new Request()
    const body = requestBody(request as unknown as IncomingMessage, 'chunked', undefined)
    if (!(body instanceof RequestBody)) throw new Error('no stream')
    body.read(0)
    request.push('hello')
    request.push(null)
    await new Promise((resolve) => request.once('close', resolve))
    expect(await text(body)).toBe('hello')
  })

  it('of a stream that was reset is no whole one', async () => {
    const request = new AbortedStream()
    const body = requestBody(request as unknown as Http2ServerRequest, 'none', undefined)
    if (!(body instanceof RequestBody)) throw new Error('no stream')
    const ended: string[] = []
    body.on('end', () => ended.push('end')).on('error', () => ended.push('error'))
    body.resume()
    request.push(null)
    await new Promise((resolve) => body.once('close', resolve))
    expect(ended).toEqual(['error'])
  })

  it('is one piece where all of it is here, and the request ends all the same', async () => {
    const request = new Request()
    request.push('he')
    request.push('llo')
    const body = requestBody(request as unknown as IncomingMessage, 'length', '5')
    expect(body).toEqual(Buffer.from('hello'))
    const ended = new Promise((resolve) => request.once('end', resolve))
    request.push(null)
    await ended
  })

  it('is a stream where some of it is missing', () => {
    const request = new Request()
    request.push('hell')
    expect(requestBody(request as unknown as IncomingMessage, 'length', '5')).toBeInstanceOf(
      RequestBody,
    )
  })

  it.each([
    ['length', '5'],
    ['chunked', undefined],
  ] as const)(
    'that an older Node.js left in the socket of an upgrade is not taken for empty: %s',
    (framing, length) => {
      const request = Object.assign(new Request(), { complete: true, upgrade: true })
      expect(() => requestBody(request as unknown as IncomingMessage, framing, length)).toThrow(
        BadRequestError,
      )
    },
  )

  it('that is empty is empty', () => {
    const request = Object.assign(new Request(), { complete: true })
    request.push(null)
    expect(requestBody(request as unknown as IncomingMessage, 'chunked', undefined)).toEqual(
      Buffer.alloc(0),
    )
    expect(requestBody(new Request() as unknown as IncomingMessage, 'length', '0')).toBe(null)
    expect(requestBody(new Request() as unknown as IncomingMessage, 'none', undefined)).toBe(null)
  })
})

import { randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { type FrameShape, frame } from './test-support/frames.js'
import { type Side, WebSocketActivity } from './websocket-activity.js'

const mask = [0x12, 0xf3, 0x00, 0x7a] as const

const use: readonly [string, string | Buffer, FrameShape][] = [
  ['a text', 'hello', {}],
  ['an empty text', '', {}],
  ['a binary message', 'hello', { opcode: 2 }],
  ['a binary 2', '2', { opcode: 2 }],
  ['a first fragment', '2', { final: false }],
  ['a continuation', '2', { opcode: 0 }],
  ['a compressed 2', '2', { compressed: true }],
  ['a 4', '4', {}],
  ['text that only begins with a 2', '2["event"]', {}],
  ['a Vite message', '{"type":"update","updates":[]}', {}],
  ['a custom message', '{"type":"custom","event":"ping"}', {}],
  ['a message about pings', '{"type":"pingpong"}', {}],
  ['a long text that begins like a ping', `{"type":"ping","x":"${'x'.repeat(5000)}"}`, {}],
  ['64 KiB', Buffer.alloc(65_536, 1), { opcode: 2 }],
  ['126 bytes', Buffer.alloc(126, 1), { opcode: 2 }],
]
const keepAlive: readonly [string, string, FrameShape][] = [
  ['a ping', '', { opcode: 9 }],
  ['a ping that says something', 'x'.repeat(125), { opcode: 9 }],
  ['a pong', 'hello', { opcode: 10 }],
  ['a close', '\x03\xe9', { opcode: 8 }],
  ['engine.io’s ping', '2', {}],
  ['engine.io’s pong', '3', {}],
  ['SockJS’s heartbeat', 'h', {}],
  ['Vite’s ping', '{"type":"ping"}', {}],
  ['Action Cable’s ping', '{"type":"ping","message":1700000000}', {}],
  ['graphql-ws’s pong', '{"type":"pong"}', {}],
  ['Next.js’s ping', '{"event":"ping","tree":["",{}],"appDirRoute":true}', {}],
  ['Next.js’s long ping', `{"event":"ping","page":"/${'x'.repeat(900)}"}`, {}],
  ['Next.js’s answer', '{"success":true,"event":"pong"}', {}],
  ['its other answer', '{"invalid":true,"action":"pong"}', {}],
  ['a ping with a length in 8 bytes', '{"type":"ping"}', { lengthBytes: 8 }],
]

describe.each<Side>(['client', 'server'])('frames of a %s', (side) => {
  const of = (payload: string | Buffer, shape: FrameShape): Buffer =>
    frame(payload, side === 'client' ? { ...shape, mask } : shape)

  /** Whether any of it counts, however it is cut. */
  function uses(bytes: Buffer): boolean[] {
    const whole = new WebSocketActivity(side)
    const single = new WebSocketActivity(side)
    const answers = [whole.sees(bytes)]
    let any = false
    for (const byte of bytes) any = single.sees(Uint8Array.of(byte)) || any
    expect(whole.betweenFrames).toBe(true)
    expect(single.betweenFrames).toBe(true)
    return [...answers, any]
  }

  it.each(use)('%s is use', (_, payload, shape) => {
    expect(uses(of(payload, shape))).toEqual([true, true])
  })

  it.each(keepAlive)('%s is none', (_, payload, shape) => {
    expect(uses(of(payload, shape))).toEqual([false, false])
  })

  it('tells one from the other where they come together', () => {
    const quiet = keepAlive.map(([, payload, shape]) => of(payload, shape))
    expect(uses(Buffer.concat(quiet))).toEqual([false, false])
    expect(uses(Buffer.concat([...quiet, of('x', {}), ...quiet]))).toEqual([true, true])
  })

  it('counts every part of a long message, not only its beginning', () => {
    const activity = new WebSocketActivity(side)
    const bytes = of(Buffer.alloc(1000), { opcode: 2 })
    expect(activity.sees(bytes.subarray(0, 100))).toBe(true)
    expect(activity.betweenFrames).toBe(false)
    expect(activity.sees(bytes.subarray(100, 200))).toBe(true)
    expect(activity.sees(of('', { opcode: 9 }).subarray(0, 0))).toBe(false)
  })

  it.each([
    ['a reserved opcode', Buffer.from([0x83, 0])],
    ['a reserved control opcode', Buffer.from([0x8b, 0])],
    ['a control frame in fragments', Buffer.from([0x09, 0])],
    ['a long control frame', Buffer.from([0x89, 0xfe, 0, 200])],
    ['a length past all bounds', of('', {}).fill(0xff, 1, 2)],
    ['masking by the wrong side', frame('x', side === 'client' ? {} : { mask })],
    ['HTTP', Buffer.from('GET / HTTP/1.1\r\n\r\n')],
  ])('takes %s for use, then and ever after', (_, bytes) => {
    const activity = new WebSocketActivity(side)
    activity.sees(Buffer.concat([bytes, Buffer.alloc(20, 0xff)]))
    expect(activity.betweenFrames).toBe(false)
    expect(activity.sees(of('', { opcode: 9 }))).toBe(true)
  })

  it('never throws, whatever it reads', () => {
    for (let i = 0; i < 200; i += 1) {
      const activity = new WebSocketActivity(side)
      for (let j = 0; j < 10; j += 1) activity.sees(randomBytes(1 + ((i * 7 + j) % 200)))
    }
  })

  it('costs next to nothing on the way of large messages', () => {
    const activity = new WebSocketActivity(side)
    const length = 2 ** 40
    const head = of('', { opcode: 2 }).subarray(0, 2)
    head.writeUInt8((head.readUInt8(1) & 0x80) | 127, 1)
    const size = Buffer.alloc(8)
    size.writeBigUInt64BE(BigInt(length))
    activity.sees(Buffer.concat([head, size, Buffer.alloc(side === 'client' ? 4 : 0)]))
    // 6 GiB in chunks that are not looked at: reading each byte would take seconds.
    const chunk = Buffer.alloc(64 * 1024)
    const start = process.cpuUsage()
    for (let i = 0; i < 100_000; i += 1) activity.sees(chunk)
    expect(process.cpuUsage(start).user).toBeLessThan(1_000_000)
  })
})

import type { Writable } from 'node:stream'
import { crc32 } from 'node:zlib'

export const kibibyte = 1024
export const mebibyte = 1024 * kibibyte
export const gibibyte = 1024 * mebibyte

// Large enough that writing costs little beside what is measured, small enough for a processor's cache.
const blockBytes = 256 * kibibyte

/** What has passed a place so far. */
export interface Passed {
  bytes: number
  /** CRC-32, which costs little: a block that is lost, doubled or out of place changes it. */
  crc: number
}

export const nothing = (): Passed => ({ bytes: 0, crc: 0 })

export function count(passed: Passed, chunk: Uint8Array): void {
  passed.bytes += chunk.length
  passed.crc = crc32(chunk, passed.crc)
}

/**
 * Writes that many bytes as fast as they are taken, no two blocks of them the same. Rejects when the stream breaks.
 *
 * @param passed - Tells at any time how far it has come.
 */
export async function pour(to: Writable, bytes: number, passed: Passed): Promise<void> {
  const block = Buffer.allocUnsafe(blockBytes)
  for (let i = 0; i < blockBytes; i += 1) block.writeUInt8((i * 31 + (i >> 8)) & 0xff, i)
  while (passed.bytes < bytes) {
    block.writeDoubleLE(passed.bytes)
    const part = block.subarray(0, Math.min(blockBytes, bytes - passed.bytes))
    count(passed, part)
    // All of it is with the kernel before the same memory holds the next block.
    await new Promise<void>((resolve, reject) => {
      to.write(part, (error) => {
        if (error) reject(error)
        else resolve()
      })
    })
  }
}

/** The head of one binary frame of a WebSocket that is as long as that (RFC 6455 §5.2); a mask of zeros changes nothing. */
export function frameHead(bytes: number, from: 'client' | 'server'): Buffer {
  const head = Buffer.alloc(from === 'client' ? 14 : 10)
  head.writeUInt8(0x82, 0)
  head.writeUInt8(from === 'client' ? 0xff : 0x7f, 1)
  head.writeBigUInt64BE(BigInt(bytes), 2)
  return head
}

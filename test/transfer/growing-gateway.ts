import type { Front } from './client.ts'
import { kibibyte } from './content.ts'
import { Program } from './program.ts'
import { type Direction, transfer } from './transfer.ts'

const smallTransfers = 20
const smallBytes = 64 * kibibyte

/** How a gateway is started. */
export interface GatewayOptions {
  /** Its program. @default 'alcove' */
  readonly proxy?: 'alcove' | 'http-proxy'
  /** The module that Alcove comes from. @default the built one */
  readonly core?: string
  /**
   * Whether it frees what is garbage at short intervals. Left alone, V8 lets about 64 MiB of buffers outside its heap pile up
   * before it looks (`kExternalAllocationSoftLimit` in its v8-internal.h): a transfer has to be long to show anything else.
   * @default false
   */
  readonly collects?: boolean
}

/**
 * A gateway in a process of its own, and how much its resident memory has grown.
 *
 * It counts from after some small transfers, which load and compile what any transfer needs, and not from after a large one, which
 * leaves it anywhere between what is used and V8's limit. It looks at peaks: what is there afterwards is as much by chance.
 */
export class GrowingGateway implements AsyncDisposable {
  readonly front: Front
  readonly port: number
  readonly startBytes: number
  readonly #program: Program

  private constructor(front: Front, program: Program) {
    this.front = front
    this.port = program.port
    this.startBytes = program.observed.residentBytes
    this.#program = program
    program.observed.forgetPeak()
  }

  static async before(
    environment: Program,
    front: Front,
    { proxy = 'alcove', core, collects = false }: GatewayOptions = {},
  ): Promise<GrowingGateway> {
    const words = [environment.port, front, ...(core === undefined ? [] : [core])]
    const program = await Program.start(proxy, words, collects ? ['--expose-gc'] : [])
    try {
      for (let i = 0; i < smallTransfers; i += 1) {
        await transfer(front, program.port, 'download', smallBytes)
        await transfer(front, program.port, 'upload', smallBytes)
      }
      return new GrowingGateway(front, program)
    } catch (error: unknown) {
      await program[Symbol.asyncDispose]()
      throw error
    }
  }

  /** By how much it has grown at most, since the start. */
  get growthBytes(): number {
    return this.#program.observed.peakBytes - this.startBytes
  }

  /** All that it has read so far, from clients and environments. */
  get readBytes(): number {
    return this.#program.observed.readBytes
  }

  /** By how much it grows at most during one transfer, compared with the start. */
  async growthBytesDuring(direction: Direction, bytes: number): Promise<number> {
    this.#program.observed.forgetPeak()
    await transfer(this.front, this.port, direction, bytes)
    return this.growthBytes
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#program[Symbol.asyncDispose]()
  }
}

import { Front, type FrontOptions } from './front.js'
import { RawUpstream, type Transport } from './raw-upstream.js'
import type { Wire } from './wire.js'

/** A raw environment, a front before it, and a raw client. */
export class Setup implements AsyncDisposable {
  private constructor(
    readonly upstream: RawUpstream,
    readonly front: Front,
    readonly client: Wire,
  ) {}

  static async of(transport: Transport, options: FrontOptions = {}): Promise<Setup> {
    const upstream = await RawUpstream.listen(transport)
    const front = await Front.listen(upstream, options)
    return new Setup(upstream, front, await front.client())
  }

  /** Sends a request, and takes its head on the other side. */
  async request(text: string): Promise<{ readonly wire: Wire; readonly head: string }> {
    this.client.send(text)
    const wire = await this.upstream.connection()
    return { wire, head: await wire.head() }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.front[Symbol.asyncDispose]()
    await this.upstream[Symbol.asyncDispose]()
  }
}

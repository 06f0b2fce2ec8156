import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import type { Duplex } from 'node:stream'
import { Client, type Front } from './client.ts'
import { frameHead, gibibyte, kibibyte, nothing, pour } from './content.ts'
import { passed } from './transfer.ts'

/** How the end that stops is connected to. */
export type Way = Front | 'chunked' | 'tunnel'

const endless = gibibyte
/** Round trips through gateway and environment in which they have nothing else to do. */
const quietTrips = 50
/** More than a gateway reads of one such round trip. */
const tripBytes = 4 * kibibyte

/** Clients of one gateway of which one end takes a little and then no more, and who keep their connections. */
export class StoppedEnds implements AsyncDisposable {
  readonly #way: Way
  readonly #port: number
  readonly #clients: AsyncDisposable[] = []

  constructor(way: Way, port: number) {
    this.#way = way
    this.#port = port
  }

  /** Asks for 1 GiB, and reads the beginning. */
  async addReader(): Promise<void> {
    if (this.#way === 'tunnel') {
      const socket = await this.#tunnel(`/${endless}`)
      socket.once('data', () => socket.pause())
      return
    }
    const client = await this.#client()
    const { up, down } = client.request(
      'GET',
      this.#way === 'chunked' ? `/chunked/${endless}` : `/${endless}`,
    )
    up.end()
    const body = await down
    body.on('error', () => {})
    body.once('data', () => body.pause())
  }

  /** Sends 1 GiB to an environment that reads the beginning. */
  async addSender(): Promise<void> {
    if (this.#way === 'tunnel') {
      const socket = await this.#tunnel('/stop')
      socket.write(frameHead(endless, 'client'))
      pour(socket, endless, nothing()).catch(() => {})
      return
    }
    const client = await this.#client()
    const { up, down } = client.request(
      'POST',
      '/stop',
      this.#way === 'chunked' ? {} : { 'content-length': endless },
    )
    down.catch(() => {})
    pour(up, endless, nothing()).catch(() => {})
  }

  /**
   * Until the gateway takes in nothing more, or `giveUp` says so. A request that has gone through the event loops of gateway and
   * environment and back came after all that could be read or written there; many of them, without the gateway having read anything
   * else, are a halt.
   */
  async halt(gateway: { readonly readBytes: number }, giveUp: () => boolean): Promise<void> {
    await using client = await Client.to(this.#front, this.#port)
    for (let quiet = 0; quiet < quietTrips && !giveUp(); quiet += 1) {
      const before = gateway.readBytes
      await passed(client)
      if (gateway.readBytes - before > tripBytes) quiet = 0
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#clients.map((client) => client[Symbol.asyncDispose]()))
  }

  get #front(): Front {
    return this.#way === 'http2' ? 'http2' : 'http1'
  }

  async #client(): Promise<Client> {
    const client = await Client.to(this.#front, this.#port)
    this.#clients.push(client)
    return client
  }

  async #tunnel(path: string): Promise<Duplex> {
    const asked = request({
      host: '127.0.0.1',
      port: this.#port,
      path,
      headers: {
        connection: 'Upgrade',
        upgrade: 'websocket',
        'sec-websocket-version': '13',
        'sec-websocket-key': randomBytes(16).toString('base64'),
      },
    })
    asked.end()
    const [{ statusCode }, socket] = (await Promise.race([
      once(asked, 'upgrade'),
      once(asked, 'response'),
    ])) as [IncomingMessage, Duplex?]
    if (!socket) throw new Error(`The upgrade was answered with ${statusCode}`)
    socket.on('error', () => {})
    this.#clients.push({
      async [Symbol.asyncDispose]() {
        const closed = once(socket, 'close')
        socket.destroy()
        await closed
      },
    })
    return socket
  }
}

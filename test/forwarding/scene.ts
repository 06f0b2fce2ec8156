import type { Exchange, Front, RunningSubject, Scene, Target } from './subject.ts'
import type { Ask, Client } from './wire/client.ts'
import type { Environment } from './wire/environment.ts'
import { Http1Client } from './wire/http1-client.ts'
import { Http2Client } from './wire/http2-client.ts'
import { Wire } from './wire/wire.ts'

/** A proxy, the environment behind it, and all who ask it for something. */
export class OpenScene implements Scene {
  readonly front: Front
  readonly subject: RunningSubject
  readonly environment: Environment
  readonly #clients: { destroy(): unknown }[] = []

  constructor(front: Front, subject: RunningSubject, environment: Environment) {
    this.front = front
    this.subject = subject
    this.environment = environment
  }

  get port(): number {
    return this.subject.port
  }

  get target(): Target {
    return this.environment.target
  }

  async client(): Promise<Client> {
    const client =
      this.front === 'http2' ? new Http2Client(this.port) : await Http1Client.connect(this.port)
    this.#clients.push(client)
    return client
  }

  async wire(): Promise<Wire> {
    const wire = await Wire.connect(this.port)
    this.#clients.push(wire.socket)
    return wire
  }

  async exchange(ask?: Ask, after?: Exchange): Promise<Exchange> {
    const client = after?.client ?? (await this.client())
    const call = client.ask(ask)
    const wire = await this.environment.connection(after?.wire)
    return { client, call, wire, head: await wire.head() }
  }

  close(): void {
    for (const client of this.#clients) client.destroy()
  }
}

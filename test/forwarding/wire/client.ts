import type { Readable, Writable } from 'node:stream'
import type { Head } from './head.ts'

/** What a client asks. */
export interface Ask {
  /** @default GET */
  readonly method?: string
  /** @default / */
  readonly path?: string
  /** @default shop.test */
  readonly host?: string
  readonly fields?: readonly (readonly [name: string, value: string])[]
  /** A body of declared length. @default none */
  readonly body?: string
  /** A body follows part by part: so many bytes, or how many is not known. @default none */
  readonly open?: number | 'unknown'
}

/** One connection of a client, over either version of HTTP. */
export interface Client {
  /** Over HTTP/1.1, only once the answer before is whole. */
  ask(ask?: Ask): Call
  /** Whether the proxy has ended the connection. */
  readonly ended: boolean
  /** Breaks the connection. */
  destroy(): void
}

/** One request, and its answer as far as it is here. */
export interface Call {
  readonly interim: readonly Head[]
  /** The first 1xx, as soon as it is here. @throws where the final head comes without one */
  firstInterim(): Promise<Head>
  /** The final head. */
  head(): Promise<Head>
  /** Waits until this much of the body is here; returns all that is. */
  until(part: string): Promise<string>
  /** The whole answer. @throws where it is cut */
  whole(): Promise<Answer>
  /** Waits until the answer is cut short; returns what came of its body. @throws where it ends well */
  cut(): Promise<string>
  /** The rest of an answer of declared length, for who wants to read it himself; only after its head. */
  rest(): Readable
  /** Where an open body of declared length is written to. */
  readonly upload: Writable
  /** Sends a part of an open body. */
  send(part: string): void
  /** Ends an open body. */
  finish(): void
  /** The client does not want the answer any more: over HTTP/1.1 its connection ends, over HTTP/2 the stream. */
  leave(): void
}

/** A whole answer. */
export interface Answer {
  readonly head: Head
  readonly body: string
  readonly trailers: Head
}

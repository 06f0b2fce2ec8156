import type { Ask, Call, Client } from './wire/client.ts'
import type { Environment } from './wire/environment.ts'
import type { Head } from './wire/head.ts'
import type { Wire } from './wire/wire.ts'

/** What a proxy is asked over: HTTP/1.1 as raw bytes, or HTTP/2 without TLS. */
export type Front = 'http1' | 'http2'

/** Where the environment behind a proxy listens. */
export type Target =
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  | { readonly kind: 'unix'; readonly path: string }

/** How a proxy has to be set up for a case. */
export interface Settings {
  /** Whether the client may say for whom it asks: X-Forwarded-* and Forwarded are extended, not replaced. @default false */
  readonly trustClient?: boolean
  /** How long the environment may take until its answer begins. @default as long as no case takes */
  readonly answerTimeoutMs?: number
}

/** A proxy that the cases can be run against: Alcove as it is mounted somewhere, or one of its peers. */
export interface Subject {
  /** As a table shows it: `Alcove in Express 5`, `http-proxy`. */
  readonly name: string
  readonly fronts: readonly Front[]
  readonly targets: readonly Target['kind'][]
  /** Why it can't run on this machine, such as a program that is not installed; `undefined` where it can. */
  missing(): string | undefined
  /** Starts it before one target, for one case. */
  listen(front: Front, target: Target, settings: Settings): Promise<RunningSubject>
}

/** A proxy that listens at a port of 127.0.0.1. */
export interface RunningSubject {
  readonly port: number
  /** Why it is not there any more: an uncaught exception, an exit. `undefined` while it runs. */
  crashed(): string | undefined
  /** Ends it, and resolves when it is gone. Idempotent. */
  close(): Promise<void>
}

/** The parts of the table of cases. */
export type Section = 'headers' | 'framing' | 'streaming' | 'targets' | 'upgrades' | 'failures'

/** One situation, and what is right in it. */
export interface Case {
  readonly section: Section
  /** What is right, in one line, as a table shows it. */
  readonly name: string
  /** Where that is written: `RFC 9110 §7.6.1`. */
  readonly source?: string
  /** Where the situation can come up. */
  readonly fronts: readonly Front[]
  /** @default all kinds */
  readonly targets?: readonly Target['kind'][]
  readonly settings?: Settings
  /** Why a proxy that does otherwise is right as well. @default it is not */
  readonly optional?: string
  /** Throws where it is not as it should be. */
  run(scene: Scene): Promise<void>
}

/** What a case is given: a fresh proxy, a raw environment behind it, and what it takes to be its client. */
export interface Scene {
  readonly front: Front
  readonly port: number
  readonly target: Target
  readonly subject: RunningSubject
  readonly environment: Environment
  /** A connection of a client, of the kind that the front asks for. */
  client(): Promise<Client>
  /** A raw connection, for cases of HTTP/1.1 that no client should make. */
  wire(): Promise<Wire>
  /** Asks, and takes the head of what arrives in the environment; `after` another, by the same client. */
  exchange(ask?: Ask, after?: Exchange): Promise<Exchange>
}

/** A request under way: who asks, and where it arrived. */
export interface Exchange {
  readonly client: Client
  readonly call: Call
  readonly wire: Wire
  /** As the environment has it. */
  readonly head: Head
}

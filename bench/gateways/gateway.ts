import type { Target } from '../../test/forwarding/subject.ts'

export type { Target } from '../../test/forwarding/subject.ts'

/** What a gateway is started with. */
export interface GatewaySetup {
  /** Where it forwards to. */
  readonly upstream: Target
  /** The core that it may run on. @default any */
  readonly core?: number | undefined
  /** Of Alcove alone: environments that it knows before the first request, the last of which run. @default none */
  readonly environments?: { readonly known: number; readonly running: number }
}

/** A gateway in a process of its own, that listens at a port of 127.0.0.1. */
export interface RunningGateway extends AsyncDisposable {
  readonly name: string
  readonly port: number
  readonly pid: number
  /** What its heap holds after a collection; `undefined` where it is not Node.js. */
  heapBytes(): Promise<number | undefined>
  /** Ends it, and resolves when it is gone. Idempotent. */
  close(): Promise<void>
}

/** What a Node.js gateway is told. */
export type Order = 'heap'

/** What it says when it listens, and to each order. */
export type Report = { readonly port: number } | { readonly heapBytes: number }

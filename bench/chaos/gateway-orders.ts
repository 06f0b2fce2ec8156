/** What the gateway's program is started with. */
export interface GatewaySetup {
  /** Where `@alcove/core` is imported from. */
  readonly core: string
  readonly environments: readonly string[]
  readonly seed: number
  /** In a variable of all that runs: `<mark>/<id>/`. */
  readonly mark: string
}

/** What it is told to do. */
export type Order =
  | { readonly do: 'stop' | 'restart' | 'recreate' | 'purge'; readonly id: string }
  /** Says what is still in use. */
  | { readonly do: 'settle' }
  /** Closes all, and says what is left. */
  | { readonly do: 'close' }

/** What it answers with: to each order once. */
export type Reply =
  | { readonly is: 'done'; readonly ms: number }
  | { readonly is: 'failed'; readonly code: string; readonly reason: string; readonly ms: number }
  | { readonly is: 'settled'; readonly inUse: readonly string[] }
  | { readonly is: 'closed'; readonly left: readonly string[]; readonly ms: number }

export type Message =
  | { readonly port: number }
  | { readonly to: number; readonly reply: Reply }
  | { readonly problem: string }
  | { readonly warning: string }
  | { readonly spawned: number }
  | { readonly transition: string }

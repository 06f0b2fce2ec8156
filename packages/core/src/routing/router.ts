import type { EnvironmentId } from '../environment/id.js'

/** The head of a request, as a router may see it. Everything in it comes from a stranger. */
export interface RequestHead {
  readonly method: string
  /** The request target as received: path and query, never decoded. */
  readonly target: string
  /** The authority: `Host`, or HTTP/2's `:authority`; empty where there is none. */
  readonly host: string
  /** A field's value; repeated ones joined as Node.js does. `name` in lower case. */
  header(name: string): string | undefined
  readonly remoteAddress: string
  /** The port of the gateway's own end of the connection; `undefined` on a Unix socket. */
  readonly localPort: number | undefined
  /** Whether the connection to the gateway itself is TLS. */
  readonly encrypted: boolean
}

/** What a router makes of a request. */
export type RouteMatch =
  | EnvironmentMatch
  | { readonly is: 'reject'; readonly status: 400 | 404; readonly reason: string }
  | { readonly is: 'redirect'; readonly location: string }

/** A request that names an environment. */
export interface EnvironmentMatch {
  readonly is: 'environment'
  readonly id: EnvironmentId
  /** The rewritten request target. @default the request's own */
  readonly target?: string
  /**
   * The part of the host's paths that is the environment's own, without a slash at its end: `/env/pr-42`. @default what `target`
   * lacks of the request's own
   */
  readonly ownPath?: string
  /** Passed to `specFor`; counts only at a start. */
  readonly template?: string
  /** `false`: this request may not start the environment. @default true */
  readonly wake?: boolean
  /** `Set-Cookie` values for the response. */
  readonly setCookie?: readonly string[]
  /**
   * `true`: the request may as well be the host's own, since something remembered chose (a cookie), not the request. Where
   * `specFor` knows no such environment, it goes to `next()` instead of 404. @default false
   */
  readonly orNext?: boolean
}

/** Finds the environment that a request names. */
export interface Router {
  /** Synchronous. `undefined`: the request is not for an environment, and goes to the host's `next()`. */
  route(head: RequestHead): RouteMatch | EnvironmentId | undefined
}

/** A router, or a bare function in its place. */
export type RouterLike = Router | Router['route']

import type { RequestHead } from '../routing/router.js'

/** The parts of a request's head that matter to a test. */
export interface RequestHeadInit {
  /** @default 'GET' */
  readonly method?: string
  /** @default '/' */
  readonly target?: string
  /** @default 'localhost' */
  readonly host?: string
  /** Names in any case; several values for a field that came more than once. @default {} */
  readonly headers?: Readonly<Record<string, string | readonly string[]>>
  /** @default '127.0.0.1' */
  readonly remoteAddress?: string
  /** @default undefined */
  readonly localPort?: number
  /** @default false */
  readonly encrypted?: boolean
}

/**
 * The head of a request, to try a router without a server.
 *
 * @example
 * ```ts
 * import { headerRouter } from '@alcove/core'
 * import { requestHead } from '@alcove/core/testing'
 *
 * const head = requestHead({ target: '/users', headers: { 'X-Env-Id': 'pr-42' } })
 * console.log(headerRouter().route(head)) // { is: 'environment', id: 'pr-42' }
 * ```
 */
export function requestHead(init: RequestHeadInit = {}): RequestHead {
  const fields = new Map<string, string>()
  for (const [name, value] of Object.entries(init.headers ?? {})) {
    const key = name.toLowerCase()
    // https://nodejs.org/api/http.html#messageheaders
    fields.set(key, typeof value === 'string' ? value : value.join(key === 'cookie' ? '; ' : ', '))
  }
  const host = init.host ?? 'localhost'
  if (!fields.has('host')) fields.set('host', host)
  return Object.freeze({
    method: init.method ?? 'GET',
    target: init.target ?? '/',
    host,
    header: (name: string) => fields.get(name),
    remoteAddress: init.remoteAddress ?? '127.0.0.1',
    localPort: init.localPort,
    encrypted: init.encrypted ?? false,
  })
}

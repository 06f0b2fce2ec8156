import { HookFailedError, InvalidOptionError, quote } from '../errors.js'
import { type Rule, func, object, show } from '../option-check.js'
import { type HeaderFields, fieldsOf, replaceFields } from './header-fields.js'
import { calling, callingNow, failed, isThenable } from './hook-call.js'
import type { FrontRequest } from './messages.js'

/** A request that is about to be sent to an environment; what a hook changes is what is sent. */
export interface OutgoingRequest {
  /** The environment. */
  readonly id: string
  readonly generation: number
  readonly method: string
  /** Path and query. */
  path: string
  /** All fields but those of framing and connection. */
  headers: HeaderFields
}

/** An environment's answer that is about to be passed on; what a hook changes is what the client gets. */
export interface IncomingResponse {
  /** The environment. */
  readonly id: string
  readonly generation: number
  readonly status: number
  /** All fields but those of the connection. */
  headers: HeaderFields
}

/** Functions of the host's that see, and may change, what is forwarded. One that throws becomes an answer, 500. */
export interface ForwardingHooks {
  /**
   * The path to ask for: a function of path and query, or an object of regular expressions and what they are replaced by, of which
   * the first that matches counts (as in http-proxy-middleware). @default none
   */
  readonly pathRewrite?:
    | Readonly<Record<string, string>>
    | ((path: string, request: FrontRequest) => string | undefined)
  /** Returns the fields to send instead of those given (as in `@fastify/reply-from`). @default none */
  readonly rewriteRequestHeaders?: (request: FrontRequest, headers: HeaderFields) => HeaderFields
  /** Returns the fields to answer with instead of those given (as in `@fastify/reply-from`). @default none */
  readonly rewriteHeaders?: (headers: HeaderFields, request: FrontRequest) => HeaderFields
  /** Called before a request is sent, and waited for; once for each attempt. @default none */
  readonly onRequest?: (request: FrontRequest, outgoing: OutgoingRequest) => void | Promise<void>
  /** Called before an answer is passed on; not for 1xx. @default none */
  readonly onResponse?: (request: FrontRequest, incoming: IncomingResponse) => void
}

export const hookRules = {
  pathRewrite: {
    expected: 'a function, or an object of regular expressions and strings',
    holds: (value) =>
      func.holds(value) ||
      (object.holds(value) && Object.values(value as object).every((to) => typeof to === 'string')),
  },
  rewriteRequestHeaders: func,
  rewriteHeaders: func,
  onRequest: func,
  onResponse: func,
} satisfies Record<keyof ForwardingHooks, Rule>

/** The hooks of one forwarder, ready to be called. */
export class Hooks {
  readonly #pathRewrite: ((path: string, request: FrontRequest) => string | undefined) | undefined
  readonly #options: ForwardingHooks

  /** @throws {@link InvalidOptionError} for a pattern that is none */
  constructor(options: ForwardingHooks) {
    const { pathRewrite } = options
    this.#options = options
    this.#pathRewrite =
      typeof pathRewrite === 'object' ? replacing(patternsOf(pathRewrite)) : pathRewrite
  }

  /** Whether there is one that looks at requests. */
  get forRequests(): boolean {
    const { rewriteRequestHeaders, onRequest } = this.#options
    return (this.#pathRewrite ?? rewriteRequestHeaders ?? onRequest) !== undefined
  }

  /** Whether there is one that looks at answers. */
  get forResponses(): boolean {
    return (this.#options.rewriteHeaders ?? this.#options.onResponse) !== undefined
  }

  /** Changes a request; a promise where a hook has to be waited for. @throws {@link HookFailedError} */
  change(
    request: FrontRequest,
    outgoing: Omit<OutgoingRequest, 'headers'>,
    flat: string[],
  ): void | Promise<void> {
    const { rewriteRequestHeaders, onRequest } = this.#options
    const { id } = outgoing
    if (this.#pathRewrite) {
      const rewrite = this.#pathRewrite
      const path = callingNow('pathRewrite', id, () => rewrite(outgoing.path, request))
      outgoing.path = checkedPath(path ?? outgoing.path, 'pathRewrite')
    }
    if (rewriteRequestHeaders) {
      rewriteFields('rewriteRequestHeaders', id, flat, (fields) =>
        rewriteRequestHeaders(request, fields),
      )
    }
    if (!onRequest) return undefined
    const shown: OutgoingRequest = { ...outgoing, headers: fieldsOf(flat) }
    const apply = (): void =>
      calling('onRequest', id, () => {
        outgoing.path = checkedPath(shown.path, 'onRequest')
        replaceFields(flat, shown.headers, 'onRequest')
      })
    const waited = calling('onRequest', id, () => {
      const returned: unknown = onRequest(request, shown)
      return isThenable(returned) ? Promise.resolve(returned) : undefined
    })
    if (!waited) return apply()
    return waited.then(apply, (error: unknown) => {
      throw failed('onRequest', id, error)
    })
  }

  /** Changes an answer. @throws {@link HookFailedError} */
  changeAnswer(
    request: FrontRequest,
    incoming: Omit<IncomingResponse, 'headers'>,
    flat: string[],
  ): void {
    const { rewriteHeaders, onResponse } = this.#options
    const { id } = incoming
    if (rewriteHeaders) {
      rewriteFields('rewriteHeaders', id, flat, (fields) => rewriteHeaders(fields, request))
    }
    if (onResponse) {
      const shown: IncomingResponse = { ...incoming, headers: fieldsOf(flat) }
      callingNow('onResponse', id, () => onResponse(request, shown))
      // What a hook leaves may be the host's code as well: accessors, a proxy.
      calling('onResponse', id, () => replaceFields(flat, shown.headers, 'onResponse'))
    }
  }
}

function rewriteFields(
  hook: string,
  id: string,
  flat: string[],
  rewrite: (fields: HeaderFields) => HeaderFields,
): void {
  const fields = callingNow(hook, id, () => rewrite(fieldsOf(flat)))
  calling(hook, id, () => replaceFields(flat, fields, hook))
}

function checkedPath(path: unknown, hook: string): string {
  // Bytes as they may stand in a request line: no white space, no control character.
  if (typeof path === 'string' && /^\/[\x21-\x7e\x80-\xff]*$/.test(path)) return path
  throw new HookFailedError(
    `\`${hook}\` has to leave a path that begins with "/", not ${show(path)}`,
  )
}

type Patterns = readonly (readonly [RegExp, string])[]

function patternsOf(rewrites: Readonly<Record<string, string>>): Patterns {
  return Object.entries(rewrites).map(([source, replacement]) => {
    try {
      return [new RegExp(source), replacement] as const
    } catch (cause) {
      throw new InvalidOptionError(
        `Expected the names in \`pathRewrite\` to be regular expressions, got ${quote(source)}`,
        { cause },
      )
    }
  })
}

function replacing(patterns: Patterns): (path: string) => string | undefined {
  return (path) => {
    const match = patterns.find(([pattern]) => pattern.test(path))
    if (!match) return undefined
    const replaced = path.replace(...match)
    // `{ '^/api': '' }` leaves nothing of "/api", and "?x" of "/api?x".
    return replaced.startsWith('/') ? replaced : `/${replaced}`
  }
}

import {
  AlcoveError,
  HookFailedError,
  NotAuthorizedError,
  NotRunningError,
  quote,
} from '../errors.js'
import type { EnvironmentMatch, RequestHead } from '../routing/router.js'
import type { FrontRequest } from '../forwarding/messages.js'

/** The host's answer to whether a request may go to an environment. */
export type Authorization =
  | boolean
  /** Allowed; `owner` is whom a start counts against. */
  | { readonly allow: true; readonly owner?: string }
  /** 401: nobody is known. 403: somebody, who may not. */
  | { readonly allow: false; readonly status?: 401 | 403; readonly reason?: string }

/**
 * Asked for every request and upgrade, before anything starts. A throw or a rejection refuses the request.
 *
 * @example
 * ```ts
 * const authorize: Authorize = async (request) => {
 *   const user = await userOf(request.headers.cookie)
 *   return user ? { allow: true, owner: user.team } : { allow: false, status: 401 }
 * }
 * ```
 */
export type Authorize = (
  request: FrontRequest,
  match: EnvironmentMatch,
) => Authorization | Promise<Authorization>

/** Asks the host; returns the owner that its yes names. @throws {@link NotAuthorizedError}; {@link HookFailedError} where it throws. */
export async function askHost(
  authorize: Authorize,
  request: FrontRequest,
  match: EnvironmentMatch,
): Promise<string | undefined> {
  const { id } = match
  try {
    return ownerOf(await authorize(request, match), id)
  } catch (cause) {
    if (cause instanceof AlcoveError) throw cause
    throw new HookFailedError(`\`authorize\` failed for environment "${id}"`, { id, cause })
  }
}

/** The owner that a positive answer names. @throws {@link NotAuthorizedError} on a negative one, or one that is none. */
export function ownerOf(answer: Authorization, id: string): string | undefined {
  // A host without types may answer anything: only what is clearly a yes is one.
  const { allow, owner, status, reason } = (
    typeof answer === 'object' && answer !== null ? answer : { allow: answer }
  ) as { allow: unknown; owner?: string; status?: unknown; reason?: string }
  if (allow === true) return owner
  const known = status === 401 ? 401 : 403
  throw new NotAuthorizedError(known, reason ?? sentence(known, id), { id })
}

function sentence(status: 401 | 403, id: string): string {
  return status === 401
    ? `Environment ${quote(id)} is for those who are signed in`
    : `You may not use environment ${quote(id)}`
}

/** Which cross-site requests may start an environment; one that runs answers them all. */
export type CrossSiteStarts = 'refuse' | 'navigations' | 'allow'

/**
 * Refuses a request that another site made, where it would start something: a page that somebody merely visits must not
 * start programs (Fetch Metadata, https://www.w3.org/TR/fetch-metadata/).
 *
 * @throws {@link NotAuthorizedError}
 */
export function assertMayStart(head: RequestHead, id: string, starts: CrossSiteStarts): void {
  if (starts === 'allow' || !isCrossSite(head)) return
  const navigation =
    head.header('sec-fetch-mode') === 'navigate' &&
    head.header('sec-fetch-dest') === 'document' &&
    (head.method === 'GET' || head.method === 'HEAD')
  if (starts === 'navigations' && navigation) return
  throw new NotAuthorizedError(
    403,
    `Environment ${quote(id)} is not running, and another site's page may not start it; open its address yourself, or set \`crossSiteStarts\``,
    { id, cause: new NotRunningError(id) },
  )
}

/**
 * Lets only programs of this machine in: the rule where nothing else is configured.
 *
 * The peer has to be a loopback address, with no proxy before it that says otherwise, and the host name has to be a local
 * one, since a stranger's name can be made to resolve to a loopback address (DNS rebinding).
 *
 * @throws {@link NotAuthorizedError}
 */
export function assertLocal(head: RequestHead, id: string): void {
  const problem = !isLoopback(head.remoteAddress)
    ? `a client at ${quote(head.remoteAddress)}`
    : !cameDirectly(head)
      ? 'a client behind a proxy'
      : !isLocalName(head.host)
        ? `the host name ${quote(head.host)}`
        : undefined
  if (!problem) return
  throw new NotAuthorizedError(
    403,
    `Without \`specFor\` or \`authorize\`, environments are for this machine only, and not for ${problem}; pass one of these options to serve others`,
    { id },
  )
}

// Browsers send no Fetch Metadata with a WebSocket's handshake, nor all of them to plain HTTP: `Origin` is what is left.
function isCrossSite(head: RequestHead): boolean {
  const site = head.header('sec-fetch-site')
  if (site !== undefined) return site === 'cross-site'
  const origin = head.header('origin')
  if (origin === undefined) return false
  return !URL.canParse(origin) || new URL(origin).host !== head.host.toLowerCase()
}

function cameDirectly(head: RequestHead): boolean {
  if (head.header('forwarded') !== undefined) return false
  const forwardedFor = head.header('x-forwarded-for')
  if (forwardedFor === undefined) return true
  return forwardedFor.split(',').every((address) => isLoopback(address.trim()))
}

// RFC 1122 §3.2.1.3 and RFC 4291 §2.5.3; a dual-stack listener sees IPv4 peers mapped. A Unix socket has no address, and is
// guarded by its file's permissions.
function isLoopback(address: string): boolean {
  return address === '' || address === '::1' || /^(::ffff:)?127(\.\d{1,3}){3}$/.test(address)
}

// RFC 6761 §6.3: whatever ends in `.localhost` is this machine.
function isLocalName(host: string): boolean {
  const name = host.replace(/:\d*$/, '').replace(/\.$/, '').toLowerCase()
  if (name === '' || name === 'localhost' || name.endsWith('.localhost')) return true
  return isLoopback(name.startsWith('[') ? name.slice(1, -1) : name)
}

import { isIP } from 'node:net'
import { isAbsolute } from 'node:path'
import { maxSocketPathBytes } from '../environment/endpoint.js'
import { InvalidOptionError, quote } from '../errors.js'
import { checkOptions, object, type Rule, type Rules, show, text } from '../option-check.js'
import type { Spawner } from './spawner.js'

/** Where something answers that Alcove did not start. */
export type StaticEndpoint = (
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  | { readonly kind: 'unix'; readonly path: string }
) & { readonly tls?: { readonly serverName: string; readonly secret?: string } }

/** What the static spawner is to "run": nothing but an address. */
export type StaticRun = {
  readonly endpoint: StaticEndpoint
}

type StaticHandle = {
  readonly version: 1
  readonly id: string
  readonly generation: number
  readonly endpoint: StaticEndpoint
}

/**
 * Makes a spawner for environments that run elsewhere: it starts and stops nothing, and each counts as running at once.
 *
 * Whether one answers is readiness' to find out; none is ever told to be gone.
 *
 * @example
 * ```ts
 * const gateway = createGateway({
 *   router: headerRouter({ name: 'x-env-id' }),
 *   spawner: staticSpawner(),
 *   specFor: () => ({ run: { endpoint: { kind: 'tcp', host: '127.0.0.1', port: 3000 } } }),
 * })
 * ```
 */
export function staticSpawner(): Spawner<StaticRun, StaticHandle> {
  return {
    name: 'static',
    reach: 'network',
    async capabilities() {
      return {
        suspend: false,
        survivesHost: true,
        limits: new Set(),
        egress: 'open',
        missing: [],
      }
    },
    check: checkRun,
    async start(run, { id, generation, signal }) {
      checkRun(run)
      signal.throwIfAborted()
      return { version: 1, id, generation, endpoint: structuredClone(run.endpoint) }
    },
    async observe({ endpoint }, _to, signal) {
      signal.throwIfAborted()
      return { is: 'running', endpoint }
    },
    async stop() {},
    // Nothing was started, so that nothing can be left.
    async *recover() {},
    async close() {},
  }
}

const where = "the static spawner's `run`"
const form =
  '{ endpoint: { kind: "tcp", host, port } } or { endpoint: { kind: "unix", path } }, with `tls` if it needs any'

const kind: Rule = {
  expected: '"tcp" or "unix"',
  holds: (value) => value === 'tcp' || value === 'unix',
}
const host: Rule = {
  expected: 'a host name or an IP address alone, without a port and without brackets',
  holds: (value) =>
    typeof value === 'string' &&
    (isIP(value) !== 0 || /^[a-z0-9_]([a-z0-9_.-]{0,251}[a-z0-9_.])?$/i.test(value)),
}
const port: Rule = {
  expected: 'a whole number from 1 to 65535',
  holds: (value) => Number.isInteger(value) && Number(value) >= 1 && Number(value) <= 65_535,
}
const path: Rule = {
  expected: `an absolute path of ${maxSocketPathBytes} bytes at most, which is what the path of a socket may have`,
  holds: (value) =>
    typeof value === 'string' &&
    isAbsolute(value) &&
    Buffer.byteLength(value) <= maxSocketPathBytes &&
    !value.includes('\0'),
}

/** @throws {@link InvalidOptionError} on anything but a {@link StaticRun}. */
function checkRun(run: unknown): void {
  if (!object.holds(run))
    throw new InvalidOptionError(`Expected ${where} to be ${form}, got ${show(run)}`)
  checkMembers(where, run, { endpoint: object }, ['endpoint'])
  const { endpoint } = run as { readonly endpoint: Readonly<Record<string, unknown>> }
  const ofEndpoint = `\`endpoint\` in ${where}`
  if (endpoint['kind'] === 'dial') {
    throw new InvalidOptionError(
      `Expected \`kind\` of ${ofEndpoint} to be "tcp" or "unix", got "dial": the static spawner opens no connections itself`,
    )
  }
  if (endpoint['kind'] === 'unix') {
    checkMembers(ofEndpoint, endpoint, { kind, path, tls: object }, ['path'])
  } else {
    checkMembers(ofEndpoint, endpoint, { kind, host, port, tls: object }, ['kind', 'host', 'port'])
  }
  if (endpoint['tls'] !== undefined) {
    const rules = { serverName: text, secret: text }
    checkMembers(`\`tls\` in ${ofEndpoint}`, endpoint['tls'], rules, ['serverName'])
  }
}

function checkMembers(
  what: string,
  members: unknown,
  rules: Rules,
  required: readonly string[],
): void {
  checkOptions(what, members, rules)
  for (const name of required) {
    if ((members as Readonly<Record<string, unknown>>)[name] === undefined) {
      throw new InvalidOptionError(`${what} has no ${quote(name)}: expected ${form}`)
    }
  }
}

import { quote } from '../errors.js'
import { listOf, type Rule } from '../option-check.js'
import { matchOf, rejection } from './route-match.js'
import type { Router } from './router.js'
import { checkRouterOptions } from './router-options.js'

/** Options of {@link subdomainRouter}. */
export interface SubdomainRouterOptions {
  /**
   * The domain below which each environment has a name: `dev.example.com`, or `*.dev.example.com`. The `*` may also be a
   * part of the first label: `pr-*.example.com`, `*-preview.example.com`. The id is what it stands for.
   */
  readonly domain: string
  /** Names that are the host's own. @default [] */
  readonly reserved?: readonly string[]
}

/**
 * Routes by the name below a domain: the one router that gives each environment a browser origin of its own.
 *
 * Case, port and a trailing dot do not matter. The bare domain, other domains and IP addresses: not ours. A name that is
 * no id, has more labels than one, or comes with a port that is no number: 400.
 *
 * @throws {@link InvalidOptionError} where `domain` is no domain, or a reserved name no label.
 *
 * @example
 * ```ts
 * import { subdomainRouter } from '@alcove/core'
 * import { requestHead } from '@alcove/core/testing'
 *
 * const router = subdomainRouter({ domain: 'dev.example.com', reserved: ['www'] })
 * router.route(requestHead({ host: 'PR-42.dev.example.com:8080' })) // { is: 'environment', id: 'pr-42' }
 * ```
 */
export function subdomainRouter(options: SubdomainRouterOptions): Router {
  checkRouterOptions(
    'subdomainRouter()',
    options,
    { domain: domainRule, reserved: labels },
    'domain',
  )
  const [first = '', ...others] = labelsOf(options.domain)
  const [before = '', after = ''] = first.split('*')
  const parent = `.${others.join('.')}`
  const reserved = new Set(options.reserved?.map((name) => name.toLowerCase()))
  return {
    route({ host }) {
      // RFC 9110 §7.2: uri-host [":" port]. An IPv6 literal begins with "[", so its first part never ends in a domain.
      const colon = host.indexOf(':')
      const name = withoutDot(lowerCase(colon === -1 ? host : host.slice(0, colon)))
      if (!name.endsWith(parent)) return undefined

      const below = name.slice(0, -parent.length)
      const lastDot = below.lastIndexOf('.')
      const label = below.slice(lastDot + 1)
      if (label.length < before.length + after.length) return undefined
      if (!label.startsWith(before) || !label.endsWith(after)) return undefined
      const id = label.slice(before.length, label.length - after.length)
      if (reserved.has(id)) return undefined

      if (colon !== -1 && !isPort(host, colon + 1)) {
        return rejection(`The host ${quote(host)} has a port that is no number`)
      }
      if (lastDot !== -1) {
        return rejection(
          `The host ${quote(name)} has too many labels: expected one, the id, in place of "*" in "${first}${parent}"`,
        )
      }
      return matchOf(id)
    },
  }
}

// Only ASCII has a case in host names (RFC 4343 §3); toLowerCase() alone would make "k" of the Kelvin sign.
const ascii = /^[\0-\x7f]*$/

function lowerCase(host: string): string {
  return ascii.test(host) ? host.toLowerCase() : host
}

// The root's dot of an absolute name, RFC 3986 §3.2.2.
function withoutDot(name: string): string {
  return name.endsWith('.') ? name.slice(0, -1) : name
}

function isPort(host: string, from: number): boolean {
  for (let index = from; index < host.length; index += 1) {
    const code = host.charCodeAt(index)
    if (code < 48 || code > 57) return false
  }
  return true
}

// Underscores are no part of host names (RFC 952), and common in container networks all the same.
const labelGrammar = /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$/

const domainRule: Rule = {
  expected:
    'a domain such as "dev.example.com", "*.dev.example.com" or "pr-*.example.com", without a port',
  holds(value) {
    if (typeof value !== 'string' || value.length > 253) return false
    const [first = '', ...others] = labelsOf(value)
    const last = others.at(-1)
    // A name that ends in a number is an IPv4 address, and has no subdomains: https://url.spec.whatwg.org/#ends-in-a-number-checker
    if (last === undefined || /^\d+$/.test(last)) return false
    return (
      first.split('*').length === 2 &&
      labelGrammar.test(first.replace('*', 'a')) &&
      others.every((one) => labelGrammar.test(one))
    )
  },
}

const labels = listOf(
  {
    expected: 'a label',
    holds: (value) => typeof value === 'string' && labelGrammar.test(value.toLowerCase()),
  },
  'a list of single names such as ["www", "api"]',
)

/** The labels of the domain as given, the first with its `*`. */
function labelsOf(domain: string): string[] {
  const all = withoutDot(lowerCase(domain)).split('.')
  return domain.includes('*') ? all : ['*', ...all]
}

import { boolean, type Rule } from '../option-check.js'
import { percentDecoded } from './percent-decoding.js'
import { pathStart } from './request-target.js'
import { matchOf, rejection } from './route-match.js'
import type { EnvironmentMatch, Router } from './router.js'
import { checkRouterOptions } from './router-options.js'

/** Options of {@link queryRouter}. */
export interface QueryRouterOptions {
  /** The parameter's name. */
  readonly name: string
  /** Whether the environment gets the target without the parameter; the rest stays byte for byte. @default false */
  readonly strip?: boolean
}

/**
 * Routes by a query parameter whose value is the id: `/users?env=pr-42`.
 *
 * No such parameter: not ours. One that is empty, repeated or no id: 400. Escapes are decoded in name and value, so that no
 * other parser of the same query sees another id; `+`, which some take for a space, is in no id either way.
 *
 * All environments share one browser origin: only for environments that trust each other.
 *
 * @throws {@link InvalidOptionError} where an option makes no sense.
 *
 * @example
 * ```ts
 * import { queryRouter } from '@alcove/core'
 * import { requestHead } from '@alcove/core/testing'
 *
 * const router = queryRouter({ name: 'env', strip: true })
 * router.route(requestHead({ target: '/users?env=pr-42&page=2' }))
 * // { is: 'environment', id: 'pr-42', target: '/users?page=2' }
 * ```
 */
export function queryRouter(options: QueryRouterOptions): Router {
  checkRouterOptions('queryRouter()', options, { name: parameterName, strip: boolean }, 'name')
  const { name, strip = false } = options
  return {
    route({ target }) {
      const question = target.indexOf('?')
      if (question === -1) return undefined
      const found = findParameter(target, question + 1, name)
      if (found === undefined) return undefined
      if (findParameter(target, found.end + 1, name) !== undefined) {
        return rejection(`The query parameter ${name} came more than once: expected one id`)
      }
      const id = percentDecoded(target.slice(found.valueStart, found.end))
      if (id === '') {
        return rejection(`The query parameter ${name} is empty: expected an environment's id`)
      }
      const match = matchOf(id)
      if (!strip || match.is !== 'environment') return match
      return { ...match, target: without(target, question, found) } satisfies EnvironmentMatch
    },
  }
}

interface Parameter {
  readonly start: number
  readonly valueStart: number
  readonly end: number
}

/** The first parameter called `name` from `from` on. */
function findParameter(target: string, from: number, name: string): Parameter | undefined {
  let start = from
  while (start < target.length) {
    const ampersand = target.indexOf('&', start)
    const end = ampersand === -1 ? target.length : ampersand
    const nameEnd = endOfName(target, start, end)
    if (isCalled(target, start, nameEnd, name)) return { start, valueStart: nameEnd + 1, end }
    start = end + 1
  }
  return undefined
}

function endOfName(target: string, start: number, end: number): number {
  let index = start
  while (index < end && target[index] !== '=') index += 1
  return index
}

function isCalled(target: string, start: number, end: number, name: string): boolean {
  if (end - start === name.length) return target.startsWith(name, start)
  // An escape is longer than what it stands for, so a longer name may be the same one.
  if (end - start < name.length) return false
  const given = target.slice(start, end)
  return given.includes('%') && percentDecoded(given) === name
}

/** The target without a parameter and the `&` that belongs to it. */
function without(target: string, question: number, parameter: Parameter): string {
  const isLast = parameter.end === target.length
  const before = target.slice(0, isLast ? parameter.start - 1 : parameter.start)
  const rest = isLast ? before : before + target.slice(parameter.end + 1)
  // Of an absolute-form, only the path is kept: a rewritten target names no origin.
  if (target.startsWith('/')) return rest
  const start = pathStart(target)
  return start === -1 ? `/${rest.slice(question)}` : rest.slice(start)
}

const parameterName: Rule = {
  expected: 'a name of letters, digits, "-", "_", "." and "~"',
  holds: (value) => typeof value === 'string' && /^[A-Za-z0-9._~-]+$/.test(value),
}

import { validateHeaderName, validateHeaderValue } from 'node:http'
import { HookFailedError, quote } from '../errors.js'

/** Fields by lower-case name, as Node.js has them; a list where a field comes several times. */
export type HeaderFields = Record<string, string | readonly string[] | undefined>

// How a message ends and what its connection is for is between the gateway and each side alone.
const framing: ReadonlySet<string> = new Set([
  'connection',
  'content-length',
  'expect',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])

/** The fields of a flat list as a hook may see and change them. */
export function fieldsOf(flat: readonly string[]): HeaderFields {
  // Without a prototype: a field may be named as one of its members.
  const fields = Object.create(null) as Record<string, string | string[]>
  for (let i = 0; i < flat.length; i += 2) {
    const name = (flat[i] as string).toLowerCase()
    const value = flat[i + 1] as string
    const before = fields[name]
    if (before === undefined) fields[name] = value
    else if (typeof before === 'string') fields[name] = [before, value]
    else before.push(value)
  }
  return fields
}

/**
 * Writes what a hook has made of the fields back to the flat list; names that were there keep their case.
 *
 * @param hook - For messages: `rewriteHeaders`.
 * @throws {@link HookFailedError} for what is no field, and for a change of how the message is framed
 */
export function replaceFields(flat: string[], fields: unknown, hook: string): void {
  if (typeof fields !== 'object' || fields === null || Array.isArray(fields)) {
    throw new HookFailedError(`\`${hook}\` has to return the fields, as an object by their names`)
  }
  const before = fieldsOf(flat)
  const spelt = new Map<string, string>()
  for (let i = 0; i < flat.length; i += 2) {
    const name = flat[i] as string
    if (!spelt.has(name.toLowerCase())) spelt.set(name.toLowerCase(), name)
  }
  const now: string[] = []
  for (const [name, value] of Object.entries(fields as Record<string, unknown>)) {
    if (value === undefined) continue
    const lower = name.toLowerCase()
    if (framing.has(lower)) {
      if (isSame(value, before[lower])) continue
      throw new HookFailedError(
        `\`${hook}\` may not set ${quote(lower)}: how messages are framed is the gateway's business`,
      )
    }
    const values: readonly unknown[] = Array.isArray(value) ? value : [value]
    if (lower === 'host' && values.length !== 1) {
      throw new HookFailedError(`\`${hook}\` has to leave one Host, or none`)
    }
    for (const one of values) {
      now.push(spelt.get(lower) ?? name, checked(name, one, hook))
    }
  }
  // Of those nothing can be taken away either.
  for (let i = 0; i < flat.length; i += 2) {
    const name = flat[i] as string
    if (framing.has(name.toLowerCase())) now.push(name, flat[i + 1] as string)
  }
  flat.length = 0
  // One by one: a call does not take as many arguments as a head may have fields.
  for (const text of now) flat.push(text)
}

/** Whether these are the same values; a list is made anew for each hook. */
function isSame(value: unknown, before: HeaderFields[string]): boolean {
  if (!Array.isArray(value) || !Array.isArray(before)) return value === before
  return value.length === before.length && value.every((one, i) => one === before[i])
}

function checked(name: string, value: unknown, hook: string): string {
  try {
    const text = String(value)
    validateHeaderName(name)
    validateHeaderValue(name, text)
    return text
  } catch (cause) {
    throw new HookFailedError(
      `\`${hook}\` set the field ${quote(name)} to something that no message can carry`,
      { cause },
    )
  }
}

// Rules that requests and answers share.

/** Adds the field names of a Connection field; the options that name no field to remove are left out. */
export function connectionOptions(
  value: string,
  before: string[] | undefined,
): string[] | undefined {
  // By far the commonest two.
  if (value === 'keep-alive' || value === 'close') return before
  let names = before
  for (const option of value.split(',')) {
    const name = option.trim().toLowerCase()
    if (
      name !== '' &&
      name !== 'keep-alive' &&
      name !== 'close' &&
      name !== 'upgrade' &&
      name !== 'te'
    ) {
      names ??= []
      names.push(name)
    }
  }
  return names
}

/** Removes the fields with these lower-case names from a flat list. */
export function removeFrom(flat: string[], named: readonly string[]): void {
  // Both lists may be a stranger's: the time must not grow with their product. A few are faster compared in a row.
  const names = named.length > 8 ? new Set(named) : undefined
  let kept = 0
  for (let i = 0; i < flat.length; i += 2) {
    const name = flat[i] as string
    const lower = name.toLowerCase()
    if (names ? names.has(lower) : named.includes(lower)) continue
    flat[kept] = name
    flat[kept + 1] = flat[i + 1] as string
    kept += 2
  }
  flat.length = kept
}

/** Whether a comma-separated list has a token, whatever parameters it carries. */
export function listHas(value: string, token: string): boolean {
  for (const item of value.split(',')) {
    const semicolon = item.indexOf(';')
    const bare = semicolon < 0 ? item : item.slice(0, semicolon)
    if (bare.trim().toLowerCase() === token) return true
  }
  return false
}

/** Whether a Via field's value names this pseudonym as a recipient (RFC 9110 §7.6.3). */
export function isNamedInVia(value: string, pseudonym: string): boolean {
  if (!value.includes(pseudonym)) return false
  return withoutComments(value)
    .split(',')
    .some((entry) => entry.trim().split(/[\t ]+/)[1] === pseudonym)
}

/** Comments are of no importance, and may be nested or hold commas. One that never ends hides nothing. */
function withoutComments(value: string): string {
  const kept: string[] = []
  const opened: number[] = []
  for (const character of value) {
    if (character === '(') opened.push(kept.length)
    const start = character === ')' ? opened.pop() : undefined
    if (start === undefined) {
      kept.push(character)
    } else {
      kept.length = start
      kept.push(' ')
    }
  }
  return kept.join('')
}

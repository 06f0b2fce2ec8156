import { spawnSync } from 'node:child_process'

/** How a program is started that comes before all others on its core, as far as this user may say so. */
export interface Priority {
  /** The words that come before the program and its own. */
  readonly words: readonly string[]
  readonly what: string
}

/**
 * Not a real-time policy (chrt), which would be better at it: threads of V8 that wait for each other in a loop were seen to
 * keep the core for good under it.
 */
const choices: readonly Priority[] = [{ words: ['nice', '-n', '-20'], what: 'at nice -20' }]

let found: Priority | undefined

/** Looked for once. */
export function firstPriority(): Priority {
  found ??= choices.find(isAllowed) ?? { words: [], what: 'like all others, since root alone may' }
  return found
}

function isAllowed({ words: [program = '', ...words] }: Priority): boolean {
  // nice goes on where it may not, and says so.
  const { status, stderr } = spawnSync(program, [...words, 'true'], { encoding: 'utf8' })
  return status === 0 && stderr === ''
}

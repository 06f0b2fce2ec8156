import { InvalidOptionError, quote } from '../../../errors.js'
import { checkOptions, listOf, type Rules, text } from '../../../option-check.js'
import { readNodeCommand } from './node-command.js'

/**
 * Processes of Node.js that were started ahead, have loaded modules, and wait for an environment that needs them.
 *
 * @example
 * ```ts
 * const run: ProcessRun = { command: ['node', 'server.js'], prewarm: { size: 2, preload: ['express'] } }
 * ```
 */
export type Prewarm = {
  /** How many wait at most, for all environments that can use the same ones; 1 to 16. @default 1 */
  readonly size?: number
  /**
   * What they have loaded: packages, or paths of files, as `require()` finds them from the folder where the environment runs;
   * ES modules too, unless they await something as they are loaded. @default none: Node.js itself is started
   */
  readonly preload?: readonly string[]
}

const maxSize = 16
const where = "`prewarm` of the process spawner's `run`"

const rules: Rules = {
  size: {
    expected: `a whole number from 1 to ${maxSize}`,
    holds: (value) => Number.isInteger(value) && Number(value) >= 1 && Number(value) <= maxSize,
  },
  preload: listOf(text, 'a list of names of packages, or paths of files'),
}

/** @throws {@link InvalidOptionError} also where `command` is none that can be prewarmed. */
export function checkPrewarm(prewarm: unknown, command: readonly string[]): void {
  checkOptions(where, prewarm, rules)
  for (const name of (prewarm as Prewarm).preload ?? []) checkName(name)
  const read = readNodeCommand(command)
  if (typeof read !== 'string') {
    // The flags are those of a process that waits in its own folder already.
    const flag = read.flags.find((part) => part.includes('{port}'))
    if (flag === undefined) return
    throw new InvalidOptionError(
      `${quote(flag)} in \`command\` of the process spawner's \`run\` can't be prewarmed: a flag of Node.js can't hold {port}`,
    )
  }
  throw new InvalidOptionError(
    `\`command\` of the process spawner's \`run\` can't be prewarmed: ${read}; or leave \`prewarm\` out`,
  )
}

function checkName(name: string): void {
  if (!/\p{Cc}/u.test(name) && !/^(?:#|(?!node:)[a-z][a-z0-9+.-]+:)/i.test(name)) return
  throw new InvalidOptionError(
    `Expected \`preload\` in ${where} to name packages or paths of files, got ${quote(name)}`,
  )
}

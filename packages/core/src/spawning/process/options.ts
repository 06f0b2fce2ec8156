import { isAbsolute, resolve } from 'node:path'
import { InvalidOptionError, quote } from '../../errors.js'
import { checkOptions, count, listOf, type Rule, type Rules, text } from '../../option-check.js'
import { defaultInheritEnv } from './environment-variables.js'
import { maxStateDirBytes } from './state-directory.js'

/** Options of {@link processSpawner}. */
export interface ProcessSpawnerOptions {
  /**
   * Which of the host's variables environments get: names, or `PREFIX_*`. Everything else stays with the host, whose
   * secrets are none of an environment's business.
   *
   * @default defaultInheritEnv: PATH, HOME, the language, the terminal and alike
   */
  readonly inheritEnv?: readonly string[]
  /**
   * Where sockets and the records of what runs are kept: a folder of the host's own user, at most 83 bytes long, since a
   * socket's path may have 103.
   *
   * @default a folder of the user's own below the system's folder for temporary files
   */
  readonly stateDir?: string
  /**
   * What all environments together get at most of a core that the gateway wants as well, from above 0 to below 1. While it does not
   * want it, they get all. `false`: whatever the system's scheduler gives them, one environment as much as the gateway.
   *
   * @default 0.2
   */
  readonly cpuShare?: number | false
  /** Longer lines of output are cut. @default 8_192 */
  readonly maxLogLineBytes?: number
}

/** Options with all defaults filled in. */
export interface ResolvedOptions {
  readonly inheritEnv: readonly string[]
  /** Absolute; `undefined`: the default one. */
  readonly stateDir: string | undefined
  readonly maxLogLineBytes: number
  readonly cpuShare: number | false
}

const where = 'processSpawner()'

const share: Rule = {
  expected: 'a number above 0 and below 1, or false for no order',
  holds: (value) => value === false || (typeof value === 'number' && value > 0 && value < 1),
}

const rules: Rules = {
  inheritEnv: listOf(text, 'a list of names of variables, or `PREFIX_*`'),
  stateDir: text,
  maxLogLineBytes: count,
  cpuShare: share,
}

/** @throws {@link InvalidOptionError} */
export function resolveOptions(options: ProcessSpawnerOptions): ResolvedOptions {
  checkOptions(where, options, rules)
  const { inheritEnv = defaultInheritEnv, stateDir } = options
  const { maxLogLineBytes = 8192, cpuShare = 0.2 } = options
  for (const pattern of inheritEnv) checkPattern(pattern)
  if (stateDir !== undefined) checkStateDir(stateDir)
  return Object.freeze({
    inheritEnv: Object.freeze([...inheritEnv]),
    stateDir: stateDir === undefined ? undefined : resolve(stateDir),
    maxLogLineBytes,
    cpuShare,
  })
}

function checkPattern(pattern: string): void {
  if (/^[^\s=*\0]+\*?$/.test(pattern)) return
  const all = pattern === '*' ? ', which would hand over every secret of the host' : ''
  throw new InvalidOptionError(
    `Expected \`inheritEnv\` of ${where} to list names of variables, or \`PREFIX_*\`, got ${quote(pattern)}${all}`,
  )
}

function checkStateDir(stateDir: string): void {
  const bytes = Buffer.byteLength(resolve(stateDir))
  if (stateDir.includes('\0')) {
    throw new InvalidOptionError(`Expected \`stateDir\` of ${where} to hold no NUL character`)
  }
  if (bytes <= maxStateDirBytes) return
  const absolute = isAbsolute(stateDir) ? '' : ` (${quote(resolve(stateDir))})`
  throw new InvalidOptionError(
    `Expected \`stateDir\` of ${where} to have at most ${maxStateDirBytes} bytes, since the path of a socket in it may have 103, got ${bytes}: ${quote(stateDir)}${absolute}`,
  )
}

import { InvalidOptionError, quote } from '../../errors.js'
import { checkOptions, nearestName, object, type Rules, show, text } from '../../option-check.js'
import { checkPrewarm, type Prewarm } from './prewarm/prewarm-option.js'

/**
 * How a child says where it listens.
 *
 * - `socket`: `PORT` is the path of a Unix socket, which nobody else can take or reach.
 * - `reported-port`: for Node.js programs, whatever port they ask for: the first TCP server of the environment gets a free
 *   port on loopback, and tells which.
 * - `picked-port`: `PORT` is a free port, for programs that can do neither; it is checked that the listener is the child's own.
 */
export type ListenMode = 'socket' | 'reported-port' | 'picked-port'

/**
 * What the process spawner is to run.
 *
 * `{port}` in arguments and values stands for the value of `PORT`, `{id}` for the environment's id.
 *
 * @example
 * ```ts
 * const run: ProcessRun = { command: ['python3', '-m', 'http.server', '{port}'], listen: 'picked-port' }
 * ```
 */
export type ProcessRun = {
  /** The command and its arguments; no shell reads them. */
  readonly command: readonly string[]
  /** Where it runs. @default the gateway's working directory */
  readonly cwd?: string
  /** Variables beside the inherited ones; they win over those. `PORT` and `ALCOVE_*` are the spawner's. */
  readonly env?: Readonly<Record<string, string>>
  /** @default 'socket' */
  readonly listen?: ListenMode
  /** Has processes wait that have loaded modules ahead; only where Node.js runs a file: `['node', 'server.js']`. */
  readonly prewarm?: Prewarm
}

const listenModes: readonly ListenMode[] = ['socket', 'reported-port', 'picked-port']
const where = "the process spawner's `run`"

const rules: Rules = {
  command: {
    expected: 'a list of strings, the command first and then its arguments',
    holds: (value) =>
      Array.isArray(value) && value.length > 0 && value.every((part) => typeof part === 'string'),
  },
  cwd: { expected: 'the path of a folder', holds: (value) => text.holds(value) },
  env: { expected: 'an object of names and values', holds: (value) => object.holds(value) },
  listen: {
    expected: listenModes.map((mode) => `"${mode}"`).join(' or '),
    holds: (value) => (listenModes as readonly unknown[]).includes(value),
  },
  prewarm: {
    expected: 'an object with `size` and `preload`',
    holds: (value) => object.holds(value),
  },
}

/**
 * Refuses a malformed run.
 *
 * @throws {@link InvalidOptionError}
 */
export function checkRun(run: unknown): asserts run is ProcessRun {
  if (object.holds(run)) refuseUnknownMode((run as { readonly listen?: unknown }).listen)
  checkOptions(where, run, rules)
  const { command, cwd, env, prewarm } = run as Partial<ProcessRun>
  if (!command) {
    throw new InvalidOptionError(`Expected ${where} to have a \`command\`: what is to be started?`)
  }
  if (command[0] === '') {
    throw new InvalidOptionError(`Expected \`command\` of ${where} to begin with a name, got ""`)
  }
  for (const part of command) refuseNul('`command`', part)
  refuseNul('`cwd`', cwd ?? '')
  for (const [name, value] of Object.entries(env ?? {})) checkVariable(name, value)
  if (prewarm) checkPrewarm(prewarm, command)
}

function refuseUnknownMode(mode: unknown): void {
  if (typeof mode !== 'string' || (listenModes as readonly string[]).includes(mode)) return
  const nearest = nearestName(mode, listenModes)
  const expected = rules['listen']?.expected
  throw new InvalidOptionError(
    `Expected \`listen\` of ${where} to be ${expected}, got ${quote(mode)}${nearest ? `: did you mean "${nearest}"?` : ''}`,
  )
}

function checkVariable(name: string, value: unknown): void {
  // environ(7): "name=value"; a name with "=" would become another variable, one with a digit first can't be read by a shell.
  if (!/^[^\s=\p{Cc}\d][^\s=\p{Cc}]*$/u.test(name)) {
    throw new InvalidOptionError(
      `${quote(name)} in \`env\` of ${where} can't name a variable: expected no white space, no "=" and no digit first`,
    )
  }
  if (name === 'PORT') {
    throw new InvalidOptionError(
      `\`env\` of ${where} can't set PORT, which says where to listen: leave it out; with \`listen: "reported-port"\` the program may ask for any port`,
    )
  }
  if (name.startsWith('ALCOVE_')) {
    throw new InvalidOptionError(
      `\`env\` of ${where} can't set ${quote(name)}: names that begin with ALCOVE_ are Alcove's own`,
    )
  }
  if (typeof value !== 'string') {
    throw new InvalidOptionError(
      `Expected ${quote(name)} in \`env\` of ${where} to be a string, got ${show(value)}`,
    )
  }
  refuseNul(`${quote(name)} in \`env\``, value)
}

/** C strings end at NUL: what follows would silently be lost. */
function refuseNul(what: string, value: string): void {
  if (!value.includes('\0')) return
  throw new InvalidOptionError(
    `Expected ${what} of ${where} to hold no NUL character, got ${quote(value)}`,
  )
}

/** Puts the values in the places of `{port}` and `{id}`. */
export function fillIn(
  template: string,
  values: { readonly port: string; readonly id: string },
): string {
  return template.replace(/\{(port|id)\}/g, (_, name: 'port' | 'id') => values[name])
}

import { closeSync, openSync, readSync, realpathSync, statSync } from 'node:fs'
import { basename, resolve } from 'node:path'
import { quote } from '../../../errors.js'
import type { Variables } from '../environment-variables.js'
import { findOnPath } from '../launch.js'
import type { Prewarm } from './prewarm-option.js'
import { locateModule } from './module-location.js'
import { isNodeName, type NodeCommand, whyNotWithOptions } from './node-command.js'

/** How the processes of one pool are made: environments with equal keys can use the same ones. */
export interface Recipe {
  readonly key: string
  /** The real path of Node.js. */
  readonly node: string
  /** What the environment calls it. */
  readonly argv0: string
  readonly flags: readonly string[]
  readonly preload: readonly string[]
  /** The folder from which they are found. */
  readonly from: string
  /** What they are born with. */
  readonly variables: Variables
}

/**
 * Beside what environments inherit: what Node.js, its libraries and the system's loader read as a process is started, and
 * `debug` as it is loaded, by going through all names.
 */
const readAtStart =
  /^(?:NODE_.*|UV_.*|TZ|LANG|LANGUAGE|LC_.*|DEBUG(?:_.*)?|LD_.*|DYLD_.*|GLIBC_TUNABLES|MALLOC_.*|OPENSSL_.*|SSL_CERT_.*|ICU_.*|HOME|TMPDIR|TMP|TEMP|PATH)$/

/** What a recipe is made of. */
export interface RecipeParts {
  readonly command: NodeCommand
  readonly prewarm: Prewarm
  readonly cwd: string | undefined
  readonly inheritEnv: readonly string[]
  /** All of the environment's. */
  readonly variables: Variables
}

/** How a process that this environment could take over is made; a text says why none can be. */
export function recipeFor(parts: RecipeParts): Recipe | string {
  const { command, prewarm, variables } = parts
  const from = resolve(parts.cwd ?? '.')
  const node = findNode(command.node, from, variables['PATH'])
  if (node === undefined)
    return `${quote(command.node)} leads to no program of Node.js, but to what may choose one by the folder`
  const reason = whyNotWithOptions(variables['NODE_OPTIONS'])
  if (reason) return reason
  if (!isThere(resolve(from, command.entry))) return `there is no file ${quote(command.entry)}`
  const preload = prewarm.preload ?? []
  const located = preload.map((name) => locateModule(name, from))
  const missing = located.indexOf(undefined)
  if (missing >= 0) return `${quote(preload[missing])} is not installed for ${quote(from)}`
  const own = Object.entries(variables).filter(([name]) => isBornWith(name, parts.inheritEnv))
  return {
    // PATH is often each folder's own; whether a module has read it is told by the process.
    key: JSON.stringify([
      node,
      command.node,
      command.flags,
      preload,
      located,
      own.filter(([name]) => name !== 'PATH').toSorted(([a], [b]) => (a < b ? -1 : 1)),
    ]),
    node,
    argv0: command.node,
    flags: command.flags,
    preload,
    from,
    variables: Object.fromEntries(own),
  }
}

function isBornWith(name: string, inheritEnv: readonly string[]): boolean {
  if (name.startsWith('ALCOVE_')) return false
  return (
    readAtStart.test(name) ||
    inheritEnv.some((pattern) =>
      pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : name === pattern,
    )
  )
}

/** The program itself: version managers put something of that name there that chooses by the folder. */
function findNode(command: string, folder: string, path: string | undefined): string | undefined {
  const file = command.includes('/') ? resolve(folder, command) : findOnPath(command, path)
  try {
    const found = realpathSync(file ?? '')
    return isNodeName(basename(found)) && !isScript(found) ? found : undefined
  } catch {
    return undefined
  }
}

function isScript(file: string): boolean {
  const start = Buffer.alloc(2)
  const descriptor = openSync(file, 'r')
  try {
    readSync(descriptor, start)
  } finally {
    closeSync(descriptor)
  }
  return start.toString('latin1') === '#!'
}

/** A start the ordinary way says best what is wrong where it is not. */
function isThere(entry: string): boolean {
  return [entry, `${entry}.js`].some(
    (path) => statSync(path, { throwIfNoEntry: false }) !== undefined,
  )
}

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { accessSync, closeSync, constants, openSync, readSync, statSync } from 'node:fs'
import { delimiter, join, resolve } from 'node:path'
import type { Readable } from 'node:stream'
import { quote, SpawnFailedError } from '../../errors.js'
import type { Variables } from './environment-variables.js'

/** What is to be executed. */
export interface Launch {
  readonly id: string
  readonly command: readonly string[]
  readonly cwd: string | undefined
  readonly variables: Variables
  /** What a failure is called. @default that the environment could not start */
  readonly failure?: string
  /** What the program sees as its name. @default the command's first part */
  readonly argv0?: string
  /** Whether it gets a socket to this process, as its file 3. */
  readonly channel?: boolean
}

/** A child that runs, in a session of its own. */
export type LaunchedChild = ChildProcess & {
  readonly pid: number
  readonly stdout: Readable
  readonly stderr: Readable
}

/**
 * Executes a command, without a shell.
 *
 * @throws {@link SpawnFailedError} that says what is missing.
 */
export async function launch(what: Launch): Promise<LaunchedChild> {
  const [file = '', ...args] = what.command
  let child: ChildProcess
  try {
    child = spawn(file, args, {
      cwd: what.cwd,
      env: what.variables,
      // setsid(2): a group and session of its own, so that its whole tree can be told from the host's.
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe', ...(what.channel ? (['pipe'] as const) : [])],
      ...(what.argv0 === undefined ? {} : { argv0: what.argv0 }),
    })
  } catch (error) {
    throw explain(what, error as NodeJS.ErrnoException)
  }
  if (child.pid === undefined) {
    const [error] = (await once(child, 'error').catch((reason: unknown) => [reason])) as [
      NodeJS.ErrnoException,
    ]
    throw explain(what, error)
  }
  child.on('error', () => {})
  return child as LaunchedChild
}

function explain(what: Launch, error: NodeJS.ErrnoException): SpawnFailedError {
  return new SpawnFailedError(
    `${what.failure ?? `Environment ${quote(what.id)} could not start`}: ${explainSpawnError(what, error)}`,
    { id: what.id, cause: error },
  )
}

/** Says what a failed spawn is due to: Node.js reports a missing folder and a missing command alike. */
export function explainSpawnError(what: Launch, error: NodeJS.ErrnoException): string {
  const folder = resolve(what.cwd ?? '.')
  const wrongFolder = explainFolder(folder)
  if (wrongFolder) return wrongFolder
  const command = what.command[0] ?? ''
  switch (error.code) {
    case 'ENOENT':
    case 'ENOTDIR':
      return explainMissing(command, folder, what.variables['PATH'])
    case 'EACCES':
    case 'EPERM':
      return `${quote(command)} may not be executed; make the file executable (chmod +x), and all folders above it accessible`
    case 'ENOEXEC':
      return `${quote(command)} is no program; begin a script with "#!" and its interpreter, or put the interpreter first in \`command\``
    case 'E2BIG':
      return 'its arguments and variables are too long for the system; shorten `command` and `env`'
    case 'EAGAIN':
    case 'ENOMEM':
      return `the system allows no more processes or memory (${error.code}); stop some, or raise the limit (ulimit -u)`
    case 'EMFILE':
    case 'ENFILE':
      return `the gateway has too many files open (${error.code}); raise the limit (ulimit -n)`
    default:
      return `${quote(command)} could not be executed: ${error.message}`
  }
}

function explainFolder(folder: string): string | undefined {
  try {
    if (!statSync(folder).isDirectory())
      return `its working directory ${quote(folder)} is no folder`
    accessSync(folder, constants.X_OK)
    return undefined
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EACCES'
      ? `its working directory ${quote(folder)} may not be entered`
      : `its working directory ${quote(folder)} does not exist; create it, or correct \`cwd\``
  }
}

function explainMissing(command: string, folder: string, path: string | undefined): string {
  const file = command.includes('/') ? resolve(folder, command) : findOnPath(command, path)
  const interpreter = file === undefined ? undefined : readInterpreter(file)
  if (interpreter !== undefined) {
    return `the interpreter ${quote(interpreter)}, named in the first line of ${quote(file)}, does not exist`
  }
  return command.includes('/')
    ? `there is no file ${quote(file)}; correct the first part of \`command\``
    : `there is no command ${quote(command)} on its PATH; install it, or name it by its full path in \`command\``
}

/** The file that a command without a folder stands for. */
export function findOnPath(command: string, path: string | undefined): string | undefined {
  return (path ?? '/usr/bin:/bin')
    .split(delimiter)
    .map((folder) => join(folder, command))
    .find((file) => statSync(file, { throwIfNoEntry: false })?.isFile())
}

/** The program that a script's first line names. */
function readInterpreter(file: string): string | undefined {
  const start = Buffer.alloc(256)
  try {
    const descriptor = openSync(file, 'r')
    try {
      readSync(descriptor, start)
    } finally {
      closeSync(descriptor)
    }
  } catch {
    return undefined
  }
  return /^#!\s*([^\s\0]+)/.exec(start.toString('latin1'))?.[1]
}

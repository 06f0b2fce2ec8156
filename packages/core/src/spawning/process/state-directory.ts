import { randomBytes } from 'node:crypto'
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Json } from '../../environment/spec.js'
import { InvalidOptionError, quote } from '../../errors.js'

/**
 * The longest path of a Unix socket, in bytes: sun_path has 104 on macOS, its end included. Node.js 22 cuts a longer path
 * without a word, and one environment would answer for another.
 */
export const maxSocketPathBytes = 103
const nameLength = 8
/** What stands after the state directory in a socket's path: `/<run>/<instance>/s`. */
export const maxStateDirBytes = maxSocketPathBytes - (1 + nameLength) * 2 - '/s'.length

/** The name of a run's or an instance's own folder. */
export const isFolderName = (name: string): boolean => /^[a-z0-9]{8}$/.test(name)

/**
 * The folder with all runs of this user's gateways, made where it is missing.
 *
 * @throws {@link InvalidOptionError} where others could write into it.
 */
export function openStateDirectory(
  configured: string | undefined,
  environment: Readonly<Record<string, string | undefined>> = process.env,
): string {
  const path = configured ?? defaultStateDirectory(environment)
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 })
  } catch (error) {
    throw refuse(path, `can't be made: ${(error as Error).message}`, error)
  }
  // In /tmp anybody may have been first: with a folder of their own, or a link to one of ours.
  const found = lstatSync(path)
  if (!found.isDirectory()) throw refuse(path, 'is no folder but a link or a file')
  const uid = process.getuid?.() ?? found.uid
  if (found.uid !== uid) throw refuse(path, `belongs to user ${found.uid}, and this is user ${uid}`)
  if (found.mode & 0o022)
    throw refuse(path, 'can be written to by other users (chmod 700 ends that)')
  return path
}

function refuse(path: string, what: string, cause?: unknown): InvalidOptionError {
  return new InvalidOptionError(
    `The process spawner can't keep its state in ${quote(path)}, which ${what}; remove it, or choose another \`stateDir\``,
    { cause },
  )
}

/** The first place that leaves room for the path of a socket. */
export function defaultStateDirectory(
  environment: Readonly<Record<string, string | undefined>>,
): string {
  const name = `alcove-${process.getuid?.() ?? 0}`
  const places = [environment['TMPDIR'] ?? tmpdir(), environment['XDG_RUNTIME_DIR'], '/tmp']
  for (const place of places) {
    if (!place?.startsWith('/')) continue
    const path = join(place, name)
    if (Buffer.byteLength(path) <= maxStateDirBytes) return path
  }
  throw new InvalidOptionError(
    `The folder for temporary files has too long a path for a socket in it (at most ${maxSocketPathBytes} bytes): set TMPDIR or \`stateDir\` to a shorter one`,
  )
}

/** Makes a folder with a new short name, for the owner alone. */
export function makeFolder(parent: string): string {
  for (;;) {
    const name = randomBytes(nameLength / 2).toString('hex')
    try {
      mkdirSync(join(parent, name), { mode: 0o700 })
      // A umask could have taken the owner's own rights.
      chmodSync(join(parent, name), 0o700)
      return name
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    }
  }
}

/** The folders of runs in a state directory, or of instances in a run's. */
export function foldersIn(path: string): string[] {
  try {
    return readdirSync(path).filter(isFolderName)
  } catch {
    return []
  }
}

/** Replaces a file as a whole: a reader sees the old text or the new one. */
export function writeRecord(path: string, record: Json): void {
  writeFileSync(`${path}.new`, JSON.stringify(record), { mode: 0o600 })
  renameSync(`${path}.new`, path)
}

/** What a record holds; undefined where there is none that can be read. */
export function readRecord(path: string): Record<string, unknown> | undefined {
  try {
    const record: unknown = JSON.parse(readFileSync(path, 'utf8'))
    return typeof record === 'object' && record !== null
      ? (record as Record<string, unknown>)
      : undefined
  } catch {
    return undefined
  }
}

/** Removes a folder with all that is in it; harmless where it is gone. */
export function removeFolder(path: string): void {
  try {
    rmSync(path, { recursive: true, force: true })
  } catch {
    // Something made a file in it meanwhile: the next start's sweep removes it.
  }
}

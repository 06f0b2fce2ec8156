// Installs the dependencies when they are missing or not those of the lockfile. Runs on a machine's
// own, perhaps older Node.js and without any dependency, since it is what brings both.
import { spawn } from 'node:child_process'
import fs from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

export const root = dirname(dirname(fileURLToPath(import.meta.url)))
const modules = join(root, 'node_modules')
const lockPath = join(root, '.install-lock')

/** An installation that failed, with a message for the person who ran the command. */
export class InstallError extends Error {}

/** Resolves when what the lockfile names is installed; throws {@link InstallError} when it can't be. */
export async function ensureInstalled() {
  if (whyStale() === undefined) return requireNode()
  const release = await lock(lockPath)
  try {
    // Somebody else may have installed while we waited for the lock.
    const reason = whyStale()
    if (reason !== undefined) await install(reason)
  } finally {
    release()
  }
  const reason = whyStale()
  if (reason !== undefined) {
    throw new InstallError(
      `npm ended without an error, but ${reason}. Run \`npm install\`: ` +
        'package.json and package-lock.json may disagree.',
    )
  }
  requireNode()
}

/** Why an installation is needed, or undefined. */
function whyStale() {
  const wanted = packagesOf(join(root, 'package-lock.json'))
  if (wanted === undefined) throw new InstallError(`There is no package-lock.json in ${root}.`)
  // npm writes this file last, so an interrupted installation has none.
  const installed = packagesOf(join(modules, '.package-lock.json'))
  if (installed === undefined) return 'nothing is installed yet'
  for (const [path, entry] of Object.entries(wanted)) {
    if (!path.includes('node_modules/')) continue
    const there = installed[path]
    // Optional packages are left out on platforms that they are not for.
    if (there === undefined && (entry.optional || entry.devOptional)) continue
    if (there === undefined) return `${path} is missing`
    if (there.version !== entry.version || there.integrity !== entry.integrity) {
      return `${path} is at ${there.version} and package-lock.json has ${entry.version}`
    }
    if (entry.link && !fs.existsSync(join(root, path))) return `the link ${path} is missing`
  }
  return undefined
}

/**
 * @typedef {{ version?: string, integrity?: string, link?: boolean, optional?: boolean,
 *   devOptional?: boolean }} LockedPackage
 * @typedef {{ packages: Record<string, LockedPackage> }} Lockfile
 */

/**
 * @param {string} lockfile
 * @returns {Record<string, LockedPackage> | undefined}
 */
function packagesOf(lockfile) {
  try {
    return /** @type {Lockfile} */ (JSON.parse(fs.readFileSync(lockfile, 'utf8'))).packages
  } catch {
    return undefined
  }
}

/** The npm package `node` brings its program by an install script, which may have been refused. */
function requireNode() {
  if (fs.existsSync(join(modules, 'node', 'bin', 'node'))) return
  throw new InstallError(
    'The dev dependency `node` has no program: its install script did not run (is `ignore-scripts` ' +
      'set?). Run `npm rebuild node --ignore-scripts=false` once.',
  )
}

/** @param {string} reason */
async function install(reason) {
  console.error(`Installing the dependencies (${reason}) ...`)
  const began = Date.now()
  // The npm that runs us, with its own Node.js: not ours in node_modules, which npm may replace.
  const { npm_execpath: npm, npm_node_execpath: node } = process.env
  const isOuter = npm?.endsWith('.js') === true && node?.startsWith(modules) === false
  const [file, first] = isOuter ? [node, [npm]] : ['npm', []]
  const path = (process.env.PATH ?? '').split(delimiter).filter((dir) => !dir.startsWith(modules))
  const child = spawn(
    file,
    // Not `npm ci`: it refuses a lockfile without the binaries for platforms that some registry did
    // not have. And not the dozens of warnings that an old Node.js gives about `engines`, since the
    // tools run on the one that is installed here.
    [
      ...first,
      'install',
      '--no-save',
      '--include=dev',
      '--no-audit',
      '--no-fund',
      '--loglevel=error',
    ],
    {
      cwd: root,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, PATH: path.join(delimiter) },
    },
  )
  // Should we be killed, the lock is held for as long as npm goes on without us.
  if (child.pid !== undefined) {
    fs.writeFileSync(`${lockPath}-${process.pid}`, `${process.pid} ${child.pid}`)
    fs.renameSync(`${lockPath}-${process.pid}`, lockPath)
  }
  // Asked to stop, wait for npm to stop: two at once would spoil each other's node_modules.
  const stop = (/** @type {NodeJS.Signals} */ signal) => void child.kill(signal)
  process.on('SIGINT', stop).on('SIGTERM', stop).on('SIGHUP', stop)
  let output = ''
  child.stdout.on('data', (chunk) => (output += chunk))
  child.stderr.on('data', (chunk) => (output += chunk))
  /** @type {number | NodeJS.Signals | null} */
  const ended = await new Promise((resolve, reject) => {
    child.once('error', (error) => {
      reject(new InstallError(`Could not run npm: ${error.message}`))
    })
    child.once('close', (code, signal) => resolve(code ?? signal))
  })
  process.off('SIGINT', stop).off('SIGTERM', stop).off('SIGHUP', stop)
  if (ended !== 0) throw new InstallError(`${output}\nnpm install failed (${ended}): see above.`)
  console.error(`Installed in ${((Date.now() - began) / 1000).toFixed(0)} s.`)
}

/**
 * Only one process at a time may replace node_modules.
 *
 * @param {string} file
 */
export async function lock(file) {
  for (let told = false; ;) {
    if (create(file)) return () => fs.rmSync(file, { force: true })
    if (!isHeld(file)) {
      // Whoever takes a dead process's lock away holds this second one, so that nobody takes away
      // the lock of a third who was faster.
      const takeover = `${file}-takeover`
      if (create(takeover)) {
        try {
          if (!isHeld(file)) fs.rmSync(file, { force: true })
        } finally {
          fs.rmSync(takeover, { force: true })
        }
        continue
      }
    }
    if (!told) console.error(`Another process is installing; waiting for it (${file}).`)
    told = true
    await delay(200)
  }
}

/**
 * Creates the file with our process id, all at once, unless it is there.
 *
 * @param {string} file
 */
function create(file) {
  const own = `${file}-${process.pid}`
  fs.writeFileSync(own, String(process.pid))
  try {
    fs.linkSync(own, file)
    return true
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code === 'EEXIST') return false
    throw error
  } finally {
    fs.rmSync(own, { force: true })
  }
}

/** @param {string} file */
function isHeld(file) {
  let holders
  try {
    holders = fs.readFileSync(file, 'utf8').split(' ').map(Number).filter(Boolean)
  } catch {
    return false
  }
  return holders.some((pid) => {
    try {
      process.kill(pid, 0)
      return true
    } catch (error) {
      return /** @type {NodeJS.ErrnoException} */ (error).code === 'EPERM'
    }
  })
}

// node scripts/run.mjs [--build] <command> [arguments]
//
// Runs a command of this repository on a clone where nothing was done before: installs what is
// missing, builds what is stale (--build), and puts the repository's own Node.js first on the PATH.
// It is the one script that runs before anything is installed, and on the machine's Node.js.
import { spawn } from 'node:child_process'
import { constants } from 'node:os'
import { delimiter, join } from 'node:path'
import { ensureInstalled, InstallError, root } from './install.mjs'

const bin = join(root, 'node_modules', '.bin')
const build = process.argv[2] === '--build'
const command = process.argv.slice(build ? 3 : 2)

if (command[0] === undefined) {
  console.error('Usage: node scripts/run.mjs [--build] <command> [arguments]')
  process.exit(2)
}

try {
  await ensureInstalled()
} catch (error) {
  if (!(error instanceof InstallError)) throw error
  console.error(error.message)
  process.exit(1)
}

// `npm run` puts this folder on the PATH too, but only npm does.
const path = [bin, ...(process.env.PATH ?? '').split(delimiter).filter((entry) => entry !== bin)]
const env = { ...process.env, PATH: path.join(delimiter) }

const builder = ['node', join(root, 'scripts', 'build.ts'), '--if-stale']
const failure = build ? await run(builder) : 0
process.exitCode = failure === 0 ? await run(command) : failure

/**
 * @param {string[]} command
 * @returns {Promise<number>}
 */
async function run([file, ...args]) {
  const child = spawn(/** @type {string} */ (file), args, { cwd: root, env, stdio: 'inherit' })
  // A terminal sends its Ctrl-C to the child as well; sent on, it would arrive twice and look like
  // an impatient second one.
  const interrupt = () => {
    if (!process.stdin.isTTY) child.kill('SIGINT')
  }
  const terminate = () => void child.kill('SIGTERM')
  const hangUp = () => void child.kill('SIGHUP')
  process.on('SIGINT', interrupt).on('SIGTERM', terminate).on('SIGHUP', hangUp)
  try {
    return await new Promise((resolve) => {
      child.once('error', (error) => {
        console.error(`Could not run ${file}: ${error.message}`)
        resolve(127)
      })
      child.once('exit', (code, signal) => {
        resolve(signal === null ? (code ?? 1) : 128 + constants.signals[signal])
      })
    })
  } finally {
    process.off('SIGINT', interrupt).off('SIGTERM', terminate).off('SIGHUP', hangUp)
  }
}

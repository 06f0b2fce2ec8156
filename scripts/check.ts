// node scripts/check.ts [step ...]
//
// Everything that is to be right without a test being run: all steps, or those that are named.
import { spawnSync } from 'node:child_process'
import { existsSync, globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { root } from './install.mjs'
import { lockfileProblems } from './lockfile.ts'
import { pack, packages } from './packages.ts'

process.chdir(root)

const steps: Readonly<Record<string, () => boolean>> = {
  format: () => run('oxfmt', '--check'),
  lint: () => run('oxlint', '--deny-warnings'),
  types: () => projects().every((project) => run('tsc', '-p', project)),
  lockfile: () => report(lockfileProblems(root)),
  unused: () => run('knip', '--no-progress'),
  packages: () => run('node', 'scripts/build.ts', '--if-stale') && packed(),
  changesets: () => run('changeset', 'status', ...since()),
}

const chosen = process.argv.slice(2)
const unknown = chosen.filter((name) => steps[name] === undefined)
if (unknown.length > 0) {
  console.error(`There is no step ${unknown.join(', ')}. Steps: ${Object.keys(steps).join(', ')}.`)
  process.exit(2)
}

const failed: string[] = []
for (const [name, step] of Object.entries(steps)) {
  if (chosen.length > 0 && !chosen.includes(name)) continue
  console.log(`== ${name}`)
  const began = performance.now()
  const passed = step()
  const seconds = ((performance.now() - began) / 1000).toFixed(1)
  console.log(`${passed ? 'ok' : 'FAILED'} ${name} (${seconds} s)\n`)
  if (!passed) failed.push(name)
}
console.log(failed.length === 0 ? 'All checks passed.' : `Failed: ${failed.join(', ')}.`)
process.exitCode = failed.length === 0 ? 0 : 1

function projects(): readonly string[] {
  return ['.', ...globSync(['packages/*/tsconfig.json', 'examples/*/environments/*/tsconfig.json'])]
}

function run(command: string, ...args: readonly string[]): boolean {
  return spawnSync(command, args, { stdio: 'inherit' }).status === 0
}

/** Shows what a command prints only when it fails. */
function runQuietly(command: string, ...args: readonly string[]): boolean {
  const { status, stdout, stderr } = spawnSync(command, args, { encoding: 'utf8' })
  if (status !== 0) process.stdout.write(stdout + stderr)
  return status === 0
}

function report(problems: readonly string[]): boolean {
  for (const problem of problems) console.log(problem)
  return problems.length === 0
}

/** What users will install: its manifest, its declarations as each resolver sees them, its files. */
function packed(): boolean {
  const folder = mkdtempSync(join(tmpdir(), 'alcove-pack-'))
  try {
    // Each to its end, so that one run shows all problems.
    const results = packages.flatMap((entry) => {
      const { tarball, files } = pack(entry, folder)
      return [
        runQuietly('publint', '--strict', tarball),
        runQuietly('attw', '--profile', 'esm-only', '--no-color', tarball),
        report(unwanted(files).map((file) => `${entry.name} holds ${file}.`)),
        report(
          ['LICENSE', 'README.md'].flatMap((file) =>
            files.includes(file) ? [] : [`${entry.name} has no ${file}.`],
          ),
        ),
        report(sameLicence(entry.folder) ? [] : [`${entry.folder}/LICENSE differs from LICENSE.`]),
      ]
    })
    return results.every(Boolean)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function unwanted(files: readonly string[]): readonly string[] {
  return files.filter((file) =>
    /\.(test|fixture)\.|\/(fixtures|test-support)\/|\.tsbuildinfo$/.test(file),
  )
}

function sameLicence(folder: string): boolean {
  const licence = join(folder, 'LICENSE')
  return existsSync(licence) && readFileSync(licence, 'utf8') === readFileSync('LICENSE', 'utf8')
}

/** Compared with main; a clone may have no branch of that name, and then only the files are read. */
function since(): readonly string[] {
  const main = spawnSync('git', ['rev-parse', '--verify', '--quiet', 'main'])
  return main.status === 0 ? [] : ['--since=HEAD']
}

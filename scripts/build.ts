// node scripts/build.ts [--if-stale]
//
// Builds what the packages publish: tsup the JavaScript, tsc the declarations (those of tsup need
// TypeScript 6).
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { lock, root } from './install.mjs'
import { packages } from './packages.ts'

process.chdir(root)
const stamp = join(root, 'node_modules', '.cache', 'alcove-build')

const release = await lock(join(root, '.build-lock'))
try {
  if (!process.argv.includes('--if-stale') || isStale()) build()
} finally {
  release()
}

function build(): void {
  const began = performance.now()
  const inputs = hashOfInputs()
  rmSync(stamp, { force: true })
  for (const { folder } of packages) rmSync(`${folder}/dist`, { recursive: true, force: true })
  // Core first: the others are checked against its declarations.
  const declarations = packages.map(({ folder }) => ['tsc', '-p', `${folder}/tsconfig.build.json`])
  const failed = [['tsup'], ...declarations].find(
    ([command = '', ...rest]) => spawnSync(command, rest, { stdio: 'inherit' }).status !== 0,
  )
  if (failed !== undefined) {
    console.error(`The build failed: ${failed.join(' ')}`)
    process.exitCode = 1
    return
  }
  mkdirSync(dirname(stamp), { recursive: true })
  writeFileSync(stamp, inputs)
  console.error(`Built the packages in ${((performance.now() - began) / 1000).toFixed(1)} s.`)
}

function isStale(): boolean {
  const missing = packages.some(({ folder, outputs }) =>
    outputs.some((output) => !existsSync(join(folder, output))),
  )
  return missing || !existsSync(stamp) || readFileSync(stamp, 'utf8') !== hashOfInputs()
}

function hashOfInputs(): string {
  const inputs = [
    'package-lock.json',
    'tsconfig.base.json',
    'tsup.config.ts',
    ...globSync('packages/*/*.json').sort(),
    ...globSync('packages/*/src/**/*.{ts,cjs}').sort(),
  ]
  const hash = createHash('sha256')
  for (const file of inputs) hash.update(`${file}\0`).update(readFileSync(file)).update('\0')
  return hash.digest('hex')
}

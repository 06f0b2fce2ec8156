import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build, type Options } from 'tsup'
import { packages } from '../../scripts/packages.ts'
import configurations from '../../tsup.config.ts'

export const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))))

/**
 * Makes a folder in which programs find the packages of this repository as if they were installed: built from the present
 * sources, beside their dependencies.
 */
export async function makeWorkspace(): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'docs-'))
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ private: true, type: 'module' }))
  writeFileSync(join(folder, 'vitest.config.js'), 'export default {}')
  linkDependencies(folder)
  for (const { folder: source, name } of packages) {
    mkdirSync(installed(folder, name), { recursive: true })
    copyFileSync(join(root, source, 'package.json'), join(installed(folder, name), 'package.json'))
  }
  await Promise.all(
    (configurations as readonly Options[]).map((options) => {
      const owner = packages.find(({ folder: source }) => options.outDir === `${source}/dist`)
      if (!owner) throw new Error(`tsup.config.ts builds ${options.outDir}, which is no package's`)
      return build({
        ...options,
        config: false,
        outDir: join(installed(folder, owner.name), 'dist'),
      })
    }),
  )
  return folder
}

/** Makes JavaScript of a file of a workspace, as the build tools of its users do: Node.js 22 knows no `await using`. */
export async function compile(file: string): Promise<string> {
  await build({
    entry: { block: file },
    outDir: dirname(file),
    outExtension: () => ({ js: '.mjs' }),
    config: false,
    tsconfig: join(root, 'tsconfig.base.json'),
    bundle: false,
    format: 'esm',
    target: 'node22',
    platform: 'node',
    removeNodeProtocol: false,
    sourcemap: 'inline',
    silent: true,
  })
  return join(dirname(file), 'block.mjs')
}

const installed = (folder: string, name: string): string => join(folder, 'node_modules', name)

function linkDependencies(folder: string): void {
  const names = ['@types']
  for (const manifest of [
    'package.json',
    ...packages.map((entry) => `${entry.folder}/package.json`),
  ]) {
    const { dependencies, peerDependencies, devDependencies } = JSON.parse(
      readFileSync(join(root, manifest), 'utf8'),
    ) as Readonly<Record<string, Readonly<Record<string, string>> | undefined>>
    names.push(...Object.keys({ ...dependencies, ...peerDependencies, ...devDependencies }))
  }
  for (const name of new Set(names)) {
    if (/^@(alcove|types)\//.test(name)) continue
    const link = installed(folder, name)
    mkdirSync(dirname(link), { recursive: true })
    symlinkSync(join(root, 'node_modules', name), link)
  }
}

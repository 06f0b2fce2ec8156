import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'

type Manifest = Readonly<Record<string, unknown>>

interface Lockfile {
  readonly packages: Readonly<Record<string, Manifest & { readonly resolved?: string }>>
}

/**
 * What is wrong with package-lock.json: that it does not say what a package.json says, or that it
 * names the host that a package was fetched from. (`npm ci` would look at the first, but refuses a
 * lockfile without the binaries for platforms that some registry did not have.)
 */
export function lockfileProblems(root: string): string[] {
  const { packages } = read(join(root, 'package-lock.json')) as unknown as Lockfile
  const folders = ['', ...globSync(['packages/*', 'examples/*'], { cwd: root })]
  const outdated = folders.filter((folder) => {
    const manifest = read(join(root, folder, 'package.json'))
    const fields = ['dependencies', 'devDependencies', 'optionalDependencies', 'peerDependencies']
    return fields.some((field) => !isDeepStrictEqual(manifest[field], packages[folder]?.[field]))
  })
  const addressed = Object.entries(packages).filter(([, { resolved }]) => resolved?.includes('://'))
  return [
    ...outdated.map(
      (folder) => `package-lock.json is not that of ${join(folder, 'package.json')}.`,
    ),
    ...addressed.map(([path]) => `package-lock.json holds an address for ${path}.`),
  ]
}

function read(file: string): Manifest {
  return JSON.parse(readFileSync(file, 'utf8')) as Manifest
}

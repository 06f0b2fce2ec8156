import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** A package of this repository that is published. */
export interface Package {
  readonly folder: string
  readonly name: string
  readonly version: string
  /** The files that its package.json exports, from its folder. */
  readonly outputs: readonly string[]
}

interface Manifest {
  readonly name: string
  readonly version: string
  readonly exports: Readonly<Record<string, string | Readonly<Record<string, string>>>>
}

// In the order of their dependencies.
const folders = ['packages/core', 'packages/express-adapter', 'packages/koa-adapter']

export const packages: readonly Package[] = folders.map((folder) => {
  const { name, version, exports } = JSON.parse(
    readFileSync(new URL(`../${folder}/package.json`, import.meta.url), 'utf8'),
  ) as Manifest
  const outputs = Object.values(exports).flatMap((target) =>
    typeof target === 'string' ? [target] : Object.values(target),
  )
  return { folder, name, version, outputs }
})

/** Packs a package as it would be published; the tarball's path, and the files in it. */
export function pack(
  { folder }: Package,
  destination: string,
): { readonly tarball: string; readonly files: readonly string[] } {
  const output = execFileSync(
    'npm',
    ['pack', '--json', '--loglevel=error', '--pack-destination', destination],
    { cwd: fileURLToPath(new URL(`../${folder}`, import.meta.url)), encoding: 'utf8' },
  )
  const [packed] = JSON.parse(output) as readonly {
    readonly filename: string
    readonly files: readonly { readonly path: string }[]
  }[]
  if (packed === undefined) throw new Error(`npm packed nothing in ${folder}.`)
  return {
    tarball: join(destination, packed.filename),
    files: packed.files.map(({ path }) => path),
  }
}

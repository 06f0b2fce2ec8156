import { readFileSync } from 'node:fs'

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

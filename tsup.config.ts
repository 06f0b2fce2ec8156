import { globSync, readFileSync } from 'node:fs'
import { basename, extname } from 'node:path'
import { defineConfig, type Options } from 'tsup'

const shared: Options = {
  target: 'node22',
  platform: 'node',
  // Dependencies are the installing application's.
  skipNodeModulesBundle: true,
  removeNodeProtocol: false,
  silent: true,
}

// One configuration for all packages: an entry for each path that a package exports, and one for
// each program that it starts or preloads by its file name.
export default defineConfig(
  globSync('packages/*').flatMap((folder): Options[] => {
    const own: Options = {
      ...shared,
      outDir: `${folder}/dist`,
      tsconfig: `${folder}/tsconfig.build.json`,
    }
    const programs = globSync(`${folder}/src/**/programs/*.{ts,cjs}`).filter(
      (file) => !file.endsWith('.test.ts'),
    )
    const isModule = (file: string): boolean => extname(file) === '.ts'
    const configurations: Options[] = [
      { ...own, format: 'esm', splitting: true, entry: exported(folder) },
      // A program stands alone, at a place that code in dist finds: dist/programs/<name>.js or .cjs.
      { ...own, format: 'esm', splitting: false, entry: named(programs.filter(isModule)) },
      {
        ...own,
        format: 'cjs',
        entry: named(programs.filter((file) => !isModule(file))),
      },
    ]
    return configurations.filter(({ entry }) => Object.keys(entry ?? {}).length > 0)
  }),
)

interface Manifest {
  readonly exports: Readonly<Record<string, string | { readonly default: string }>>
}

/** The sources of what package.json exports, by the path of the output. */
function exported(folder: string): Record<string, string> {
  const manifest = JSON.parse(readFileSync(`${folder}/package.json`, 'utf8')) as Manifest
  return Object.fromEntries(
    Object.values(manifest.exports).flatMap((target) => {
      if (typeof target === 'string') return []
      const name = target.default.replace(/^\.\/dist\/|\.js$/g, '')
      return [[name, `${folder}/src/${name}.ts`]]
    }),
  )
}

function named(files: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    files.map((file) => [`programs/${basename(file, extname(file))}`, file]),
  )
}

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { build } from 'tsup'

const source = join(import.meta.dirname, '../../packages/core/src')

/** What processes of their own can import. */
export interface BuiltCore {
  readonly url: string
  remove(): void
}

/** Core as it would be published, for processes of their own: built from the present sources, in a folder that goes away. */
export async function buildCore(): Promise<BuiltCore> {
  const folder = mkdtempSync(join(tmpdir(), 'alcove-transfer-'))
  await build({
    entry: {
      index: join(source, 'index.ts'),
      'programs/watchdog': join(source, 'spawning/process/programs/watchdog.ts'),
    },
    outDir: folder,
    format: 'esm',
    target: 'node22',
    config: false,
    silent: true,
    // Nothing is found from there.
    noExternal: [/.*/],
    banner: {
      js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);",
    },
  })
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }')
  return {
    url: pathToFileURL(join(folder, 'index.js')).href,
    remove: () => rmSync(folder, { recursive: true, force: true }),
  }
}

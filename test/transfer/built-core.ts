import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { build } from 'tsup'

/** What processes of their own can import. */
export interface BuiltCore {
  readonly url: string
  remove(): void
}

/** Core as it would be published, for processes of their own: built from the present sources, in a folder that goes away. */
export async function buildCore(): Promise<BuiltCore> {
  const folder = mkdtempSync(join(tmpdir(), 'alcove-transfer-'))
  await build({
    entry: { index: join(import.meta.dirname, '../../packages/core/src/index.ts') },
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

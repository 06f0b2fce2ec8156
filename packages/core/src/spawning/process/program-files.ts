import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { SpawnFailedError } from '../../errors.js'

// Run from its sources this file stands beside programs/; built, it is part of a chunk in dist/, and so is dist/programs/.
const extension = import.meta.url.endsWith('.ts') ? '.ts' : '.js'

/** The program that ends what a killed host has left. */
export const watchdogProgram = (): string => programFile(`watchdog${extension}`)

/** What is loaded into Node.js programs, of versions too that know no TypeScript, so that they report where they listen. */
export const listenPreload = (): string => programFile('listen-preload.cjs')

/** What has a Node.js program wait, with modules loaded, for an environment that needs it. */
export const prewarmProgram = (): string => programFile('prewarm.cjs')

function programFile(name: string): string {
  const path = fileURLToPath(new URL(`./programs/${name}`, import.meta.url))
  if (existsSync(path)) return path
  throw new SpawnFailedError(
    `Alcove's own program ${name} is not at ${path}: a bundler has to leave @alcove/core out of its bundle`,
  )
}

import { spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { root } from './workspace.ts'

/**
 * Type-checks files against the packages' sources, and parses those in JavaScript; the messages by file.
 *
 * @param folder - The workspace.
 * @param files - From there.
 */
export async function typeErrors(
  folder: string,
  files: readonly string[],
): Promise<ReadonlyMap<string, readonly string[]>> {
  const config = {
    extends: join(root, 'tsconfig.base.json'),
    compilerOptions: { allowJs: true, checkJs: false, declaration: false },
    files,
  }
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config))
  const tsc = spawn(join(root, 'node_modules/.bin/tsc'), ['-p', '.', '--pretty', 'false'], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const output = await text(tsc.stdout)
  const messages = new Map<string, string[]>()
  for (const line of output.split(/\n(?=\S)/)) {
    // Without a file: what was asked for can't be checked at all.
    if (line.startsWith('error ')) throw new Error(line)
    const file = files.find((name) => line.startsWith(`${name}(`))
    if (file) messages.set(file, [...(messages.get(file) ?? []), line.trim()])
  }
  return messages
}

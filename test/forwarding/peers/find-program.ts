import { execFileSync } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'

/** Where a program is; also where only root looks for programs. */
export function findProgram(name: string): string | undefined {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin']
  return folders
    .map((folder) => join(folder, name))
    .find((file) => {
      try {
        accessSync(file, constants.X_OK)
        return true
      } catch {
        return false
      }
    })
}

/** The first thing like a version that a program says when it is asked in this way. */
export function programVersion(file: string, question: string): string | undefined {
  // Some answer on standard error.
  const said = execFileSync('sh', ['-c', '"$0" "$1" 2>&1', file, question], { encoding: 'utf8' })
  return /\d+\.\d+(?:\.\d+)?/.exec(said)?.[0]
}

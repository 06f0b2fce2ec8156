import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'

/**
 * Where a program of the system is, or `undefined`, and then its tests are to be skipped: the reason is printed.
 *
 * @throws where CI runs, which installs it: nothing is skipped there.
 */
export function systemProgram(
  name: string,
  { PATH = '', CI = '' }: NodeJS.ProcessEnv = process.env,
): string | undefined {
  const found = PATH.split(delimiter)
    .map((folder) => join(folder, name))
    .find(isExecutable)
  if (found !== undefined) return found
  const why = `There is no ${name} on the PATH`
  if (CI !== '') throw new Error(`${why}, and CI skips no test`)
  process.stderr.write(`${why}: tests with it are skipped.\n`)
  return undefined
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}

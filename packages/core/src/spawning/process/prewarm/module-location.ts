import { realpathSync } from 'node:fs'
import { isBuiltin } from 'node:module'
import { basename, dirname, isAbsolute, join, resolve } from 'node:path'

/**
 * Where a module is that is named from a folder: the same text for two folders means the same files. Not the file itself, which
 * Node.js finds anew in each process: in this one it would remember for ever what it once found.
 *
 * https://nodejs.org/api/modules.html#loading-from-node_modules-folders
 */
export function locateModule(name: string, folder: string): string | undefined {
  if (isBuiltin(name)) return name
  if (isAbsolute(name) || /^\.\.?(?:\/|$)/.test(name)) {
    const path = resolve(folder, name)
    const parent = real(dirname(path))
    return parent === undefined ? undefined : join(parent, basename(path))
  }
  const parts = name.split('/')
  const own = parts.splice(0, name.startsWith('@') ? 2 : 1).join('/')
  for (let at = resolve(folder); ; at = dirname(at)) {
    const found = basename(at) === 'node_modules' ? undefined : real(join(at, 'node_modules', own))
    if (found !== undefined) return join(found, ...parts)
    if (at === dirname(at)) return undefined
  }
}

function real(path: string): string | undefined {
  try {
    return realpathSync(path)
  } catch {
    return undefined
  }
}

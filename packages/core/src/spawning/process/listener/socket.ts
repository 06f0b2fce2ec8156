import { linkSync, lstatSync, renameSync, unlinkSync } from 'node:fs'
import { join } from 'node:path'
import { accepts } from './accepts.js'
import { watchFolder } from './folder-watch.js'
import type { Listener, ListenerEvents } from './listener.js'
import { Retry } from './retry.js'

/**
 * How long the path in PORT stays after the socket was found. A server may still change its file's mode; a restarted one
 * (`node --watch`) has to find it free, since a killed process leaves its socket's file behind.
 */
const bindPathStaysMs = 1000

/** The path that PORT holds. */
export const bindPath = (folder: string): string => join(folder, 's')

/** The path that is connected to: the same socket by a name that stays while the program inside restarts. */
const servePath = (folder: string): string => join(folder, 'a')

const secondServer =
  'alcove: a second server listens on PORT while the first one still does; requests go to the first'

/** Finds a socket as soon as it accepts: the watch tells that it is bound, which is a moment before. */
export function listenOnSocket(
  folder: string,
  events: ListenerEvents,
  staysMs: number = bindPathStaysMs,
): Listener {
  const bound = bindPath(folder)
  const served = servePath(folder)
  let known = false
  let told = false
  let cleanUp: NodeJS.Timeout | undefined

  const announce = (): void => {
    known = true
    events.endpoint({ kind: 'unix', path: served })
  }

  const take = (): void => {
    told = false
    if (inodeOf(bound) !== inodeOf(served)) serve(bound, served)
    clearTimeout(cleanUp)
    cleanUp = setTimeout(() => freeBindPath(bound, served), staysMs).unref()
    if (!known) announce()
  }

  // True: nothing to be done until something changes in the folder.
  const look = async (): Promise<boolean> => {
    const inode = inodeOf(bound)
    if (inode === undefined) {
      if (known || inodeOf(served) === undefined) return true
      // Found by a former run already.
      if (!(await accepts({ path: served }))) return false
      announce()
      return true
    }
    if (known && inode === inodeOf(served)) return true
    if (!(await accepts({ path: bound }))) return false
    if (known && (await accepts({ path: served }))) {
      if (!told) events.note(secondServer)
      told = true
      return false
    }
    take()
    return true
  }

  const retry = new Retry(look, { leastMs: 1, mostMs: 100 })
  const unwatch = watchFolder(folder, () => retry.now())
  return {
    expected: 'the socket in PORT',
    close() {
      unwatch()
      retry.end()
      clearTimeout(cleanUp)
    },
  }
}

/** Names the socket by its lasting path, in one step. */
function serve(bound: string, served: string): void {
  try {
    linkSync(bound, `${served}.new`)
    renameSync(`${served}.new`, served)
  } catch {
    // A file system without links: the path in PORT is given up at once.
    renameSync(bound, served)
  }
}

function freeBindPath(bound: string, served: string): void {
  try {
    if (inodeOf(bound) === inodeOf(served)) unlinkSync(bound)
  } catch {
    // The program has removed it itself.
  }
}

function inodeOf(path: string): number | undefined {
  const found = lstatSync(path, { throwIfNoEntry: false })
  return found?.isSocket() ? found.ino : undefined
}

import { linkSync, lstatSync, renameSync, rmSync } from 'node:fs'
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

/** Finds a socket as soon as it accepts: the watch tells that it is bound, which is a moment before. */
export function listenOnSocket(
  folder: string,
  events: ListenerEvents,
  staysMs: number = bindPathStaysMs,
): Listener {
  const names = new SocketNames(folder)
  let known = false
  let noted = false
  let freeing: NodeJS.Timeout | undefined

  const announce = (): void => {
    if (!known) events.endpoint({ kind: 'unix', path: names.served })
    known = true
    noted = false
  }
  const keep = (): void => {
    names.keep()
    clearTimeout(freeing)
    freeing = setTimeout(() => names.freeBound(), staysMs).unref()
  }

  // True: nothing is to be done until something changes in the folder.
  const look = async (): Promise<boolean> => {
    if (names.isBoundAnew()) {
      if (!(await accepts({ path: names.bound }))) return false
      keep()
    }
    if (names.hasNext() && (await accepts({ path: names.next }))) {
      if (known && (await accepts({ path: names.served }))) {
        if (!noted) events.note(secondServer)
        noted = true
        return false
      }
      names.promote()
      announce()
    }
    // Found by a former run already.
    if (!known && names.isServed()) {
      if (!(await accepts({ path: names.served }))) return false
      announce()
    }
    return true
  }

  const retry = new Retry(look, { leastMs: 1, mostMs: 100 })
  const unwatch = watchFolder(folder, () => retry.now())
  return {
    expected: 'the socket in PORT',
    close() {
      unwatch()
      retry.end()
      clearTimeout(freeing)
    },
  }
}

const secondServer =
  'alcove: a second server listens on PORT while the first one still does; requests go to the first'

/** The names of one instance's socket: as the program binds it, as it waits for its turn, as it is connected to. */
class SocketNames {
  readonly bound: string
  readonly next: string
  readonly served: string

  constructor(folder: string) {
    this.bound = bindPath(folder)
    this.next = join(folder, 'n')
    this.served = join(folder, 'a')
  }

  isBoundAnew(): boolean {
    const inode = inodeOf(this.bound)
    return inode !== undefined && inode !== inodeOf(this.next) && inode !== inodeOf(this.served)
  }

  hasNext(): boolean {
    return inodeOf(this.next) !== undefined
  }

  isServed(): boolean {
    return inodeOf(this.served) !== undefined
  }

  /** By a second name: a former server that ends late removes the first one, whosesoever it is by then. */
  keep(): void {
    rmSync(this.next, { force: true })
    try {
      linkSync(this.bound, this.next)
    } catch {
      // A file system without links: the path in PORT is given up at once.
      renameSync(this.bound, this.next)
    }
  }

  promote(): void {
    renameSync(this.next, this.served)
  }

  freeBound(): void {
    if (!this.isBoundAnew()) rmSync(this.bound, { force: true })
  }
}

function inodeOf(path: string): number | undefined {
  const found = lstatSync(path, { throwIfNoEntry: false })
  return found?.isSocket() ? found.ino : undefined
}

import { type FSWatcher, watch as fsWatch } from 'node:fs'

/** How often a folder is looked at where the system has no watch left (inotify(7): ENOSPC, EMFILE). */
const fallbackMs = 20

/**
 * Calls `changed` at each change of a folder's entries, and once at the start, for what was there before.
 *
 * @returns what ends it
 */
export function watchFolder(
  path: string,
  changed: () => void,
  watch: (path: string, changed: () => void) => FSWatcher = (folder, then) =>
    fsWatch(folder, { persistent: false }, then),
): () => void {
  let closed = false
  let timer: NodeJS.Timeout | undefined
  let watcher: FSWatcher | undefined
  const look = (): void => {
    if (!closed) changed()
  }
  const poll = (): void => {
    timer ??= setInterval(look, fallbackMs).unref()
  }
  try {
    watcher = watch(path, look)
    watcher.on('error', () => {
      watcher?.close()
      poll()
    })
  } catch {
    poll()
  }
  queueMicrotask(look)
  return () => {
    closed = true
    watcher?.close()
    clearInterval(timer)
  }
}

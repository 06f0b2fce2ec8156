import type { IncomingMessage } from 'node:http'
import { prefixTaken } from '../forwarding/target.js'
import type { FrontRequest } from '../forwarding/messages.js'

/** How many paths are remembered: one each is usual, and strangers could name any where the path has parameters. */
const maxMounts = 32

interface Mounted {
  url?: string | undefined
  originalUrl?: string | undefined
}

/** Where a framework has mounted the gateway: what it has taken off the front of the target (Express, Connect). */
export function mountPath(request: FrontRequest): string {
  const { url = '', originalUrl } = request as Mounted
  return originalUrl === undefined || originalUrl === url ? '' : prefixTaken(originalUrl, url)
}

/** The mount paths at one server, learnt from its requests, since upgrades come past the framework that knows them. */
export class Mounts {
  readonly #paths = new Set<string>()

  learn(path: string): void {
    if (this.#paths.has(path)) return
    this.#paths.add(path)
    if (this.#paths.size <= maxMounts) return
    for (const oldest of this.#paths) {
      this.#paths.delete(oldest)
      return
    }
  }

  /**
   * Takes the mount path off an upgrade's target, as the framework does for requests.
   *
   * @returns whether it is below one; `true` too while none is known
   */
  enter(request: IncomingMessage): boolean {
    const { url = '/' } = request
    let path: string | undefined
    for (const mount of this.#paths) {
      if (isBelow(url, mount) && (path === undefined || mount.length > path.length)) path = mount
    }
    if (path === undefined) return this.#paths.size === 0
    if (path === '') return true
    const rest = url.slice(path.length)
    ;(request as Mounted).originalUrl = url
    request.url = rest.startsWith('/') ? rest : `/${rest}`
    return true
  }

  /** Undoes {@link enter}. */
  leave(request: IncomingMessage): void {
    const mounted: Mounted = request
    if (mounted.originalUrl === undefined) return
    mounted.url = mounted.originalUrl
    delete mounted.originalUrl
  }
}

function isBelow(url: string, mount: string): boolean {
  return (
    url.startsWith(mount) &&
    (mount === '' || /^[/?]?$/.test(url.slice(mount.length, mount.length + 1)))
  )
}

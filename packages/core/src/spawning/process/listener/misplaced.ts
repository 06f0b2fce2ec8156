import { authorityOf } from '../../../environment/endpoint.js'
import type { ListenMode } from '../run.js'
import type { ListeningSocket } from '../listening-sockets.js'

/** When an instance that is not found where it should listen is looked for elsewhere. */
const looksAfterMs = [1000, 3000, 10_000, 30_000]

const remedies: Readonly<Record<ListenMode, string>> = {
  socket:
    'let it listen on process.env.PORT, or choose `listen: "reported-port"` (a Node.js program) or `listen: "picked-port"`',
  'reported-port':
    'it is no Node.js program, or its NODE_OPTIONS are lost: choose `listen: "picked-port"`',
  'picked-port': 'pass it {port} among its arguments, or let it read PORT',
}

/** Says in the instance's own output that it listens where nobody looks for it, which is the commonest mistake. */
export function watchForMisplaced(
  mode: ListenMode,
  expected: string,
  sockets: () => Promise<readonly ListeningSocket[]>,
  note: (line: string) => void,
): () => void {
  let ended = false
  let timer: NodeJS.Timeout | undefined
  const look = async (): Promise<void> => {
    const own = (await sockets()).filter((socket) => socket.own)
    if (ended) return
    if (own.length > 0) note(misplacedHint(mode, expected, own))
    else plan()
  }
  const delays = [...looksAfterMs]
  const plan = (): void => {
    const delayMs = delays.shift()
    if (delayMs !== undefined)
      timer = setTimeout(() => void look().catch(() => {}), delayMs).unref()
  }
  plan()
  return () => {
    ended = true
    clearTimeout(timer)
  }
}

function misplacedHint(
  mode: ListenMode,
  expected: string,
  own: readonly ListeningSocket[],
): string {
  const places = [...new Set(own.map(({ host, port }) => authorityOf(host, port)))]
  return `alcove: it listens on ${places.slice(0, 3).join(', ')} and not on ${expected} so far: ${remedies[mode]}`
}

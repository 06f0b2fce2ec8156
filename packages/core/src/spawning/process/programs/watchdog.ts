// Ends what a gateway has started, once that gateway is gone: kill -9 included. Started by ../watchdog.ts as
//   node watchdog.ts <token of the host's run> <folder of the run> [<control group of the run>]
// with a pipe for its input that ends when the host does. It stands alone: `node:` imports only, types that can be erased.
import { readdirSync, readFileSync, readSync, rmdirSync, rmSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'

interface Guarded {
  readonly token: string
  readonly pid: number
  readonly startTime: string
  readonly folder: string
}

interface Found {
  readonly pid: number
  readonly parent: number
  readonly session: number
  readonly startTime: string
}

/** How long they may take to end by themselves; the whole has to be over 5 s after the host's end. */
const politeMs = 1000
/** After this long, what is left waits inside the kernel or is another user's. */
const givenUpMs = 60_000

/** How long a group may still have processes whose end was seen. */
const groupMs = 1000

const [hostToken = '', runFolder = '', group = ''] = process.argv.slice(2)
process.title = 'alcove-watchdog'
// What ends the host on purpose must not end this first.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {})

const guarded = readUntilHostEnds()
endAll(guarded)
for (const { folder } of guarded.values()) remove(folder)
// The folder is what tells a later run of the group.
if (removeGroups() && runFolder) remove(runFolder)
removeStateDirectory(dirname(runFolder))
// Not process.exit(): Node.js's own end waits for V8's threads, and was seen to wait for ever where it comes soon after the
// start (pthread_join() in DisposePlatform(), one thread asleep). There is nothing to be tidied up.
process.kill(process.pid, 'SIGKILL')

/** Blocks; nothing else is to be done meanwhile. */
function readUntilHostEnds(): Map<string, Guarded> {
  const all = new Map<string, Guarded>()
  const buffer = Buffer.alloc(4096)
  const decoder = new TextDecoder()
  let rest = ''
  for (;;) {
    const length = readInput(buffer)
    if (length === 0) return all
    const lines = (rest + decoder.decode(buffer.subarray(0, length), { stream: true })).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) {
      const message = JSON.parse(line) as { readonly add?: Guarded; readonly drop?: string }
      if (message.add) all.set(message.add.token, message.add)
      if (message.drop) all.delete(message.drop)
    }
  }
}

function readInput(buffer: Buffer): number {
  for (;;) {
    try {
      return readSync(0, buffer, 0, buffer.length, null)
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code
      if (code !== 'EAGAIN' && code !== 'EINTR') return 0
      pause(50)
    }
  }
}

function endAll(instances: ReadonlyMap<string, Guarded>): void {
  const began = Date.now()
  const seen = new Set<string>()
  const asked = new Set<string>()
  for (let waitMs = 5; Date.now() - began < givenUpMs; waitMs = Math.min(waitMs * 1.5, 100)) {
    const found = look(instances, seen)
    if (found.length === 0) return
    const polite = Date.now() - began < politeMs
    for (const process of found) {
      const name = `${process.pid}@${process.startTime}`
      if (polite && asked.has(name)) continue
      asked.add(name)
      send(process, polite ? 'SIGTERM' : 'SIGKILL')
      // A suspended one hears of SIGTERM only when it runs again.
      if (polite) send(process, 'SIGCONT')
    }
    pause(polite ? waitMs : 5)
  }
}

/** All that carry a token, the guarded first processes, their descendants, and who is in a session that one of these leads. */
function look(instances: ReadonlyMap<string, Guarded>, seen: Set<string>): Found[] {
  const all = processes()
  const tokens = [hostToken, ...instances.keys()].filter((token) => token !== '')
  const first = new Set([...instances.values()].map(({ pid, startTime }) => `${pid}@${startTime}`))
  const members = new Map<number, Found>()
  const sessions = new Set<number>()
  for (let before = -1; members.size > before;) {
    before = members.size
    for (const process of all) {
      const name = `${process.pid}@${process.startTime}`
      const belongs =
        seen.has(name) ||
        first.has(name) ||
        members.has(process.parent) ||
        sessions.has(process.session) ||
        (before === 0 && carries(process.pid, tokens))
      if (!belongs) continue
      seen.add(name)
      members.set(process.pid, process)
      if (process.session === process.pid) sessions.add(process.session)
    }
  }
  return [...members.values()]
}

function processes(): Found[] {
  return readdirSync('/proc').flatMap((name) => {
    const pid = Number(name)
    if (!Number.isInteger(pid) || pid === process.pid) return []
    return read(pid) ?? []
  })
}

/** proc_pid_stat(5); the name in the second field may hold spaces and parentheses. */
function read(pid: number): Found | undefined {
  const line = text(`/proc/${pid}/stat`)
  const fields = line.slice(line.lastIndexOf(')') + 2).split(' ')
  const [state = '', parent, , session] = fields
  const isZombie = 'ZXx'.includes(state) && Number(fields[17]) <= 1
  if (line === '' || isZombie) return undefined
  const boot = text('/proc/sys/kernel/random/boot_id').slice(0, 8)
  return {
    pid,
    parent: Number(parent),
    session: Number(session),
    startTime: `${fields[19]}@${boot}`,
  }
}

function carries(pid: number, tokens: readonly string[]): boolean {
  const marks = text(`/proc/${pid}/environ`).match(/(?:^|\0)ALCOVE_(?:INSTANCE|HOST)=[^\0]*/g)
  return marks?.some((mark) => tokens.some((token) => mark.includes(token))) ?? false
}

function send({ pid, startTime }: Found, signal: 'SIGTERM' | 'SIGCONT' | 'SIGKILL'): void {
  // The pid may be another process's by now.
  if (read(pid)?.startTime !== startTime) return
  try {
    process.kill(pid, signal)
  } catch {
    // Gone meanwhile, or another user's.
  }
}

function text(path: string): string {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    return ''
  }
}

function remove(path: string): void {
  try {
    rmSync(path, { recursive: true, force: true })
  } catch {
    // Left for the next start's sweep.
  }
}

/** Whether there is none any more. */
function removeGroups(): boolean {
  if (group === '') return true
  const began = Date.now()
  while (!removeGroup(group)) {
    if (Date.now() - began > groupMs) return false
    pause(5)
  }
  return true
}

/** A group goes by rmdir(2), with the files in it, which are the kernel's; `false` where something runs in there. */
function removeGroup(path: string): boolean {
  try {
    for (const entry of readdirSync(path, { withFileTypes: true })) {
      if (entry.isDirectory()) removeGroup(join(path, entry.name))
    }
    rmdirSync(path)
    return true
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    return code !== 'EBUSY' && code !== 'ENOTEMPTY'
  }
}

/** The default one is Alcove's own: the last one out removes it. */
function removeStateDirectory(path: string): void {
  if (!/^alcove-\d+$/.test(basename(path))) return
  try {
    rmdirSync(path)
  } catch {
    // Others are in there.
  }
}

function pause(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
}

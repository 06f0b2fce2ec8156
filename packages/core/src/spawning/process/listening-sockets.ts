import { execFile } from 'node:child_process'
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { endianness } from 'node:os'

/** A TCP socket of this machine that accepts connections. */
export interface ListeningSocket {
  readonly host: string
  readonly port: number
  /** Whether one of the processes asked for holds it. */
  readonly own: boolean
}

/**
 * All listening TCP sockets, and which of them belong to the processes that `pidsOf` names. The sockets are read first, so
 * that whoever holds one was already there when the processes are named.
 */
export async function listeningSockets(
  pidsOf: () => Promise<readonly number[]>,
  platform: NodeJS.Platform = process.platform,
): Promise<ListeningSocket[]> {
  if (platform !== 'linux') return parseLsof(await runLsof(), new Set(await pidsOf()))
  const sockets = [
    ...parseTable(readText('/proc/net/tcp')),
    ...parseTable(readText('/proc/net/tcp6')),
  ]
  if (sockets.length === 0) return []
  const own = new Set<string>()
  for (const pid of await pidsOf()) for (const inode of socketInodes(pid)) own.add(inode)
  return sockets.map(({ host, port, inode }) => ({ host, port, own: own.has(inode) }))
}

interface TableRow {
  readonly host: string
  readonly port: number
  readonly inode: string
}

const tcpListen = '0A'

/** The listening ones of /proc/net/tcp or tcp6: https://docs.kernel.org/networking/proc_net_tcp.html */
export function parseTable(table: string): TableRow[] {
  return table
    .split('\n')
    .slice(1)
    .flatMap((row) => {
      const [, local = '', , state, , , , , , inode = ''] = row.trim().split(/\s+/)
      const [address = '', port = ''] = local.split(':')
      if (state !== tcpListen) return []
      return { host: parseAddress(address), port: Number.parseInt(port, 16), inode }
    })
}

/** Words of 32 bits, each printed as a number of the machine's own byte order. */
function parseAddress(hex: string): string {
  const bytes = (hex.match(/.{8}/g) ?? []).flatMap((word) => {
    const inOrder = (word.match(/../g) ?? []).map((byte) => Number.parseInt(byte, 16))
    return endianness() === 'LE' ? inOrder.toReversed() : inOrder
  })
  if (bytes.length === 4) return bytes.join('.')
  if (bytes.slice(0, 10).every((byte) => byte === 0) && bytes[10] === 255)
    return bytes.slice(12).join('.')
  if (bytes.slice(0, 15).every((byte) => byte === 0)) return bytes[15] === 1 ? '::1' : '::'
  return Array.from({ length: 8 }, (_, index) =>
    (((bytes[index * 2] ?? 0) << 8) | (bytes[index * 2 + 1] ?? 0)).toString(16),
  ).join(':')
}

/** The inodes of a process's open sockets; none where it is gone or another user's. */
function socketInodes(pid: number): string[] {
  const folder = `/proc/${pid}/fd`
  let descriptors: string[] = []
  try {
    descriptors = readdirSync(folder)
  } catch {
    return []
  }
  return descriptors.flatMap((descriptor) => {
    try {
      return /^socket:\[(\d+)\]$/.exec(readlinkSync(`${folder}/${descriptor}`))?.[1] ?? []
    } catch {
      return []
    }
  })
}

/** The output of `lsof -F pn`: a line for each process, and after it one for each of its sockets. */
export function parseLsof(output: string, own: ReadonlySet<number>): ListeningSocket[] {
  let pid = 0
  return output.split('\n').flatMap((line) => {
    if (line.startsWith('p')) pid = Number(line.slice(1))
    const [, host = '', port] = /^n(.*):(\d+)$/.exec(line) ?? []
    if (port === undefined) return []
    const address = host === '*' ? '0.0.0.0' : host.replace(/^\[(.*)\]$/, '$1')
    return { host: address, port: Number(port), own: own.has(pid) }
  })
}

function runLsof(): Promise<string> {
  return new Promise((resolve) => {
    // It fails where it finds nothing, too.
    execFile('lsof', ['-nP', '-iTCP', '-sTCP:LISTEN', '-Fpn'], (_, output) => resolve(output))
  })
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    return ''
  }
}

import { readFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { networkInterfaces } from 'node:os'
import { join } from 'node:path'
import type { Endpoint } from '../../../environment/endpoint.js'
import { watchFolder } from './folder-watch.js'
import type { Listener, ListenerEvents } from './listener.js'

/** Waits for what the preload (../programs/listen-preload.cjs) writes, again whenever the program inside restarts. */
export function listenForReport(folder: string, events: ListenerEvents): Listener {
  const path = join(folder, 'port')
  let last = ''
  const unwatch = watchFolder(folder, () => {
    const report = read(path)
    if (report === '' || report === last) return
    last = report
    const endpoint = parseReport(report)
    if (endpoint) events.endpoint(endpoint)
  })
  return { expected: 'a port that Node.js reports', close: unwatch }
}

/** The address that a report names; undefined where it is none of this machine, since the environment writes it. */
export function parseReport(report: string): Endpoint | undefined {
  const [host = '', port = ''] = report.split(' ')
  if (isIP(host) === 0 || !/^\d{1,5}$/.test(port)) return undefined
  const number = Number(port)
  const reachable = dialable(host)
  if (number < 1 || number > 65_535 || !isLocal(reachable)) return undefined
  return { kind: 'tcp', host: reachable, port: number }
}

/** A listener on all addresses is dialled on loopback. */
function dialable(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1'
  return host === '::' ? '::1' : host
}

function isLocal(host: string): boolean {
  if (host.startsWith('127.') || host === '::1') return true
  return Object.values(networkInterfaces()).some((addresses) =>
    addresses?.some(({ address }) => address === host),
  )
}

function read(path: string): string {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    return ''
  }
}

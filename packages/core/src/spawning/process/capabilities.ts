import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import { UnsupportedError } from '../../errors.js'
import type { Capabilities, MissingFeature } from '../spawner.js'

/** The feature that a host may lack: telling whose a listener is. */
export const pickedPort = "`listen: 'picked-port'`"

const always: readonly MissingFeature[] = [
  {
    feature: 'limits of memory, CPU and processes',
    reason: 'a plain process may use all that the host has',
    remedy: 'run only what is trusted, or give the whole gateway a user or a container of its own',
  },
  {
    feature: 'separation of files and network',
    reason: 'environments run as the host’s own user and may read its files, and each other’s',
    remedy: 'run only what is trusted, or give the whole gateway a user or a container of its own',
  },
  {
    feature: 'environments that outlive the gateway',
    reason: 'they are ended with the host, so that none is forgotten',
    remedy: 'start what has to stay by other means, and reach it with staticSpawner()',
  },
  {
    feature: 'finding daemons that clear their variables',
    reason:
      'a process that leaves its session, loses its parent and overwrites its variables can’t be told from a stranger',
    remedy: 'start such programs in the foreground (nginx: `daemon off;`)',
  },
]

const noWatchdog: MissingFeature = {
  feature: 'ending environments with a killed gateway',
  reason: 'this system does not show the variables and sessions of processes in /proc',
  remedy: 'nothing is to be done: they are reaped at the next start of the gateway',
}

const noLsof: MissingFeature = {
  feature: pickedPort,
  reason: '`lsof`, which tells whose a listening socket is, is not on the PATH',
  remedy: 'install lsof, or let the program listen on the socket in PORT',
}

/** @throws {@link UnsupportedError} where a tree of processes can't be ended as a whole. */
export function assertSupported(platform: NodeJS.Platform): void {
  if (platform !== 'win32') return
  throw new UnsupportedError(
    'The process spawner needs Linux or macOS: Windows has no sessions and signals to end a whole tree of processes by; run the gateway in WSL',
  )
}

/** What plain processes can do on this host. */
export function measureCapabilities(
  platform: NodeJS.Platform,
  more: readonly MissingFeature[] = [],
  path: string | undefined = process.env['PATH'],
): Capabilities {
  const onLinux = platform === 'linux'
  return {
    suspend: true,
    survivesHost: false,
    limits: new Set(),
    egress: 'open',
    missing: [
      ...always,
      ...(onLinux ? [] : [noWatchdog]),
      ...(onLinux || isOnPath('lsof', path) ? [] : [noLsof]),
      ...more,
    ],
  }
}

function isOnPath(command: string, path: string | undefined): boolean {
  return (path ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, command), constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}

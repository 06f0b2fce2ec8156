/* eslint-disable no-await-in-loop -- one run, instance and look after another */
import { linkSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type { ProcessInfo, ProcessTable } from './process-table.js'
import { ProcessTree } from './process-tree.js'
import { type InstanceRecord, pidNamespace, type ProcessHandle, RunFolder } from './run-folder.js'
import { foldersIn, isFolderName, removeFolder } from './state-directory.js'

/** How long the watchdog of a dead run is waited for: what it is about to end is not worth taking over. */
const watchdogMarginMs = 5000
const orphanGraceMs = 500
/** A run's folder is finished at once, or never. */
const unfinishedMs = 60_000

/** An instance that lives on after the run that started it. */
export interface Leftover {
  readonly record: InstanceRecord
  readonly tree: ProcessTree
  readonly run: RunFolder
  readonly instance: string
  readonly suspended: boolean
}

/** Where and for whom leftovers are looked for. */
export interface RecoveryScope {
  readonly stateDir: string
  readonly gateway: string
  readonly table: ProcessTable
  readonly signal: AbortSignal
  /** The run that takes leftovers over. */
  ownRun(): Promise<RunFolder>
  /** Its name where it has begun already: its own instances are none. */
  ownName(): string | undefined
}

/** Lists what dead runs of this gateway have left running, each for one taker only, and removes the rest of dead runs. */
export async function* findLeftovers(scope: RecoveryScope): AsyncGenerator<Leftover> {
  const { stateDir, table, signal } = scope
  removeUnfinished(stateDir)
  for (const name of foldersIn(stateDir)) {
    const run = new RunFolder(stateDir, name)
    if (name === scope.ownName() || (await isInUse(run, table))) continue
    await untilWatchdogEnds(run, table, signal)
    for (const instance of run.instances()) {
      signal.throwIfAborted()
      const leftover = await inspect(scope, run, instance)
      if (leftover) yield leftover
    }
    await run.removeIfEmpty()
  }
}

async function inspect(
  scope: RecoveryScope,
  run: RunFolder,
  instance: string,
): Promise<Leftover | undefined> {
  const path = join(run.path, instance)
  const record = run.record(instance)
  if (!record) {
    // Its host died before it started anything.
    removeFolder(path)
    return undefined
  }
  const { handle } = record
  const tree = new ProcessTree({ ...handle, order: 0 }, scope.table, false)
  const members = await tree.members()
  if (members.length === 0) {
    removeFolder(path)
    return undefined
  }
  if (record.waiting) {
    // It was started ahead, and is nobody's: with its host it has lost what it waited for.
    await tree.end(0)
    removeFolder(path)
    return undefined
  }
  if (record.gateway !== scope.gateway || !(await take(scope, path))) return undefined
  const first = firstOf(handle, members)
  if (!first) {
    await tree.end(orphanGraceMs)
    removeFolder(path)
    return undefined
  }
  const { pid, startTime } = first
  return {
    record: { ...record, handle: { ...handle, pid, startTime } },
    tree: new ProcessTree({ ...handle, ...first }, scope.table, false),
    run,
    instance,
    suspended: first.stopped,
  }
}

/** Where the host died before it could note the process, its oldest one is the first. */
function firstOf(handle: ProcessHandle, members: readonly ProcessInfo[]): ProcessInfo | undefined {
  if (handle.pid === 0) return members[0]
  return members.find(({ pid, startTime }) => pid === handle.pid && startTime === handle.startTime)
}

/** Whether somebody looks after a run's instances: its host, unless that has let go of them. */
async function isInUse(run: RunFolder, table: ProcessTable): Promise<boolean> {
  const host = run.host()
  if (!host) return false
  // In another namespace the same pid is somebody else, and nothing can be told.
  if (host.namespace !== pidNamespace()) return true
  return !host.closed && (await lives(host, table))
}

async function lives(
  process: { readonly pid: number; readonly startTime: string },
  table: ProcessTable,
): Promise<boolean> {
  return (await table.find(process.pid))?.startTime === process.startTime
}

async function untilWatchdogEnds(
  run: RunFolder,
  table: ProcessTable,
  signal: AbortSignal,
): Promise<void> {
  const host = run.host()
  const watchdog = run.watchdog()
  // The watchdog of a host that lives waits for that host's end.
  if (!watchdog || (host && (await lives(host, table)))) return
  const givenUpMs = performance.now() + watchdogMarginMs
  while (performance.now() < givenUpMs && (await lives(watchdog, table))) {
    await pause(25, undefined, { signal })
  }
}

/** Several gateways may be looking at once: a link is made by one of them alone. */
async function take(scope: RecoveryScope, path: string): Promise<boolean> {
  const own = await scope.ownRun()
  const note = join(path, `taking-${own.name}`)
  try {
    writeFileSync(note, own.name)
    for (let number = 1; ; number += 1) {
      const owner = join(path, `owner-${number}`)
      try {
        linkSync(note, owner)
        return true
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') return false
      }
      const taker = new RunFolder(scope.stateDir, readFileSync(owner, 'latin1'))
      if (isFolderName(taker.name) && taker.host() && (await isInUse(taker, scope.table)))
        return false
    }
  } catch (error) {
    // Another gateway has ended it and removed its folder meanwhile.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false
    throw error
  } finally {
    rmSync(note, { force: true })
  }
}

/** What a host that died in the middle of its first start has left. */
function removeUnfinished(stateDir: string): void {
  for (const name of readdirSync(stateDir)) {
    if (!/^[a-z0-9]{8}\.new$/.test(name)) continue
    const path = join(stateDir, name)
    const madeMs = statSync(path, { throwIfNoEntry: false })?.mtimeMs
    if (madeMs !== undefined && Date.now() - madeMs > unfinishedMs) removeFolder(path)
  }
}

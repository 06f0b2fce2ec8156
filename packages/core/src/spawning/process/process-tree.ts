import { SpawnerUnavailableError } from '../../errors.js'
import { identityOf, type ProcessInfo, type ProcessTable, type Snapshot } from './process-table.js'

/** How long the end of a tree may take after SIGKILL: only a process that waits inside the kernel outlives it. */
const killMarginMs = 10_000

/** How often nothing has to be seen before it is believed, while processes come and go: one may be missed between two looks. */
const looksForNothing = 5

/** What is known of a tree without looking at its processes. */
export interface TreeRoot {
  /** In the variables of each of its processes that did not clear them. */
  readonly token: string
  /** 0: never known, since the host died before it could note it. */
  readonly pid: number
  readonly startTime: string
  /** Nothing older belongs to it. 0: unknown. */
  readonly order: number
}

/**
 * All processes of one instance: its first one and its descendants, those in a session that one of them leads, and those that
 * carry its token, which is how a daemon is found after its parents are gone. On every look the ones seen before count too.
 */
export class ProcessTree {
  readonly #sessions = new Set<number>()
  #seen = new Set<string>()
  #deadlineMs = Number.POSITIVE_INFINITY
  #ending: Promise<void> | undefined
  #wake: (() => void) | undefined
  /** All that was stopped by {@link suspend}. */
  #frozen: readonly ProcessInfo[] | undefined

  constructor(
    readonly root: TreeRoot,
    private readonly table: ProcessTable,
    /** Started by this process, which hears of its end at once: its session can't be a later one with its number. */
    own: boolean,
  ) {
    if (own) this.#sessions.add(root.pid)
  }

  /** The live ones now, oldest first. */
  async members(): Promise<ProcessInfo[]> {
    for (let look = 1; ; look += 1) {
      // eslint-disable-next-line no-await-in-loop -- one look after another
      const snapshot = await this.table.read()
      const members = this.membersIn(snapshot)
      if (members.length > 0 || snapshot.isSettled || look === looksForNothing) return members
    }
  }

  membersIn(snapshot: Snapshot): ProcessInfo[] {
    const { processes } = snapshot
    // Where nothing with a session's number lives, it is still this tree's as long as something of it was seen in there.
    const sessions = new Set(
      [...this.#sessions].filter((session) => {
        const leader = processes.get(session)
        return !leader || this.#isKnown(leader)
      }),
    )
    const members = new Map<number, ProcessInfo>()
    const belongs = (info: ProcessInfo): boolean =>
      this.#isKnown(info) ||
      members.has(info.parent) ||
      sessions.has(info.session) ||
      (info.order >= this.root.order && snapshot.carries(info, this.root.token))
    for (let before = -1; members.size > before;) {
      before = members.size
      for (const info of processes.values()) {
        if (members.has(info.pid) || info.pid === process.pid || !belongs(info)) continue
        members.set(info.pid, info)
        if (info.session === info.pid) sessions.add(info.session)
      }
    }
    this.#remember([...members.values()], sessions)
    return [...members.values()].sort((a, b) => a.order - b.order || a.pid - b.pid)
  }

  /** Stops all of it from running. */
  async suspend(): Promise<void> {
    this.#frozen = undefined
    this.#frozen = await this.#signal('SIGSTOP')
  }

  /** Lets all of it go on. */
  async resume(): Promise<void> {
    const frozen = this.#frozen
    this.#frozen = undefined
    // What is frozen starts nothing: to look for more would take longer than all the rest.
    if (frozen) for (const info of frozen) this.#send(info, 'SIGCONT')
    else await this.#signal('SIGCONT')
  }

  /** Sends a signal to all of it, to those too that appear meanwhile. */
  async #signal(signal: NodeJS.Signals): Promise<ProcessInfo[]> {
    const told = new Set<string>()
    const all: ProcessInfo[] = []
    for (let passes = 0; passes < 5; passes += 1) {
      // eslint-disable-next-line no-await-in-loop -- each look sees what the one before could not
      const fresh = (await this.members()).filter((info) => !told.has(identityOf(info)))
      if (fresh.length === 0) return all
      for (const info of fresh) {
        told.add(identityOf(info))
        all.push(info)
        this.#send(info, signal)
      }
    }
    return all
  }

  /**
   * Ends all of it: SIGTERM, and SIGKILL for what is left after `graceMs`. Joining callers share the end; the shortest grace
   * counts.
   *
   * @throws {@link SpawnerUnavailableError} where something outlives SIGKILL.
   */
  end(graceMs: number): Promise<void> {
    this.#deadlineMs = Math.min(this.#deadlineMs, performance.now() + graceMs)
    this.changed()
    this.#ending ??= this.#end().finally(() => {
      this.#ending = undefined
      this.#deadlineMs = Number.POSITIVE_INFINITY
    })
    return this.#ending
  }

  /** As {@link end}, in the grace of an end that is under way already. */
  endRest(graceMs: number): Promise<void> {
    return this.#ending ?? this.end(graceMs)
  }

  /** Tells that something of it has ended, so that nothing waits any longer for that. */
  changed(): void {
    this.#wake?.()
  }

  async #end(): Promise<void> {
    const asked = new Set<string>()
    const leftMs = (): number => this.#deadlineMs - performance.now()
    while (leftMs() > 0) {
      // eslint-disable-next-line no-await-in-loop -- until nothing is left
      const members = await this.members()
      if (members.length === 0) return
      for (const info of members) {
        if (asked.has(identityOf(info))) continue
        asked.add(identityOf(info))
        this.#send(info, 'SIGTERM')
        // It is told only once it runs again.
        // To all, since one that was told to stop a moment ago need not have done so yet.
        this.#send(info, 'SIGCONT')
      }
      // eslint-disable-next-line no-await-in-loop -- until nothing is left
      await this.#untilGone(members, leftMs)
    }
    await this.#kill()
  }

  /** Passes until nothing is left: what is started between two looks is found by the second one. */
  async #kill(): Promise<void> {
    const givenUpMs = performance.now() + killMarginMs
    for (;;) {
      // eslint-disable-next-line no-await-in-loop -- until nothing is left
      const members = await this.members()
      if (members.length === 0) return
      this.#killGroups(members)
      for (const info of members) this.#send(info, 'SIGKILL')
      if (performance.now() > givenUpMs) throw this.#unkillable(members)
      // eslint-disable-next-line no-await-in-loop -- until nothing is left
      await this.#untilGone(members, () => Math.min(250, givenUpMs - performance.now()))
    }
  }

  /** Until none of them lives, or the time is up, by looking at these alone. */
  async #untilGone(members: readonly ProcessInfo[], leftMs: () => number): Promise<void> {
    let waitMs = 1
    while (leftMs() > 0 && members.some((info) => this.table.isAlive(info))) {
      // eslint-disable-next-line no-await-in-loop -- until they are gone
      await this.#pause(Math.min(waitMs, leftMs()))
      waitMs = Math.min(waitMs * 1.5, 50)
    }
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer)
        this.#wake = undefined
        resolve()
      }
      const timer = setTimeout(done, Math.max(ms, 1))
      this.#wake = done
    })
  }

  /** The first group of each session at once: a process can't fork out of a group that is being killed (kernel/fork.c). */
  #killGroups(members: readonly ProcessInfo[]): void {
    for (const session of this.#sessions) {
      // kill(2): -1 is everybody.
      if (session <= 1) continue
      const leader = members.find((info) => info.pid === session)
      // While it has members its number is not given to another process; that one would be there now.
      const isOwn = leader ? this.table.isAlive(leader) : false
      const hasMembers = members.some((info) => info.session === session)
      if (isOwn || (hasMembers && !signalTo(session, 0))) signalTo(-session, 'SIGKILL')
    }
  }

  #send(info: ProcessInfo, signal: NodeJS.Signals): void {
    // A pid may have been given to another process since the look.
    if (this.table.isAlive(info)) signalTo(info.pid, signal)
  }

  #isKnown(info: ProcessInfo): boolean {
    const isRoot = info.pid === this.root.pid && info.startTime === this.root.startTime
    return isRoot || this.#seen.has(identityOf(info))
  }

  #remember(members: readonly ProcessInfo[], sessions: ReadonlySet<number>): void {
    this.#seen = new Set(members.map(identityOf))
    this.#sessions.clear()
    for (const { session } of members) if (sessions.has(session)) this.#sessions.add(session)
  }

  #unkillable(members: readonly ProcessInfo[]): SpawnerUnavailableError {
    const pids = members.map(({ pid }) => pid).join(', ')
    return new SpawnerUnavailableError(
      `The processes ${pids} could not be ended: they belong to another user, or wait inside the kernel; end them by hand`,
    )
  }
}

/** Whether there was somebody to send it to. */
function signalTo(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(pid, signal)
  } catch (error) {
    // EPERM: another user's; where it outlives the deadline, that is reported.
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

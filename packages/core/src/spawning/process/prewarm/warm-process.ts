import type { Socket } from 'node:net'
import { join } from 'node:path'
import { quote } from '../../../errors.js'
import type { ExitInfo } from '../../spawner.js'
import { ChildOutput } from '../child-output.js'
import type { Variables } from '../environment-variables.js'
import type { LaunchedChild } from '../launch.js'
import type { ProcessTree } from '../process-tree.js'
import { removeFolder } from '../state-directory.js'
import { Channel, type LoadReport } from './channel.js'
import type { Recipe } from './recipe.js'
import type { WaitingChild, WarmParts } from './waiting-child.js'

/** How long its modules may take to load, while nothing else is started. */
const loadLimitMs = 30_000
/** How long a waiting process may take to answer. */
const answerLimitMs = 5000

/** What an environment hands to the process that it takes over. */
export interface Work {
  readonly argv: readonly string[]
  readonly cwd: string
  readonly variables: Variables
}

/** A process of Node.js that has loaded modules and waits for the one environment that takes it over. */
export class WarmProcess {
  readonly child: LaunchedChild
  readonly ended: Promise<ExitInfo>
  readonly tree: ProcessTree
  /** The name of its folder in the run's. */
  readonly name: string
  readonly output: ChildOutput
  readonly #channel: Channel
  #report: LoadReport | undefined
  #taken = false
  #paused = false
  /** Its end is no failure of its own. */
  #unwanted = false
  #failure: string | undefined
  #ending: Promise<void> | undefined
  #limit: NodeJS.Timeout | undefined

  constructor(
    readonly recipe: Recipe,
    { child, ended, tree, name }: WaitingChild,
    private readonly parts: WarmParts,
  ) {
    this.child = child
    this.ended = ended
    this.tree = tree
    this.name = name
    this.output = new ChildOutput(child, parts.maxLineBytes)
    this.#channel = new Channel(child.stdio[3] as Socket)
    this.#letGo()
    void this.ended.then(() => {
      if (!this.#taken) void this.#endOnce()
    })
  }

  get pid(): number {
    return this.child.pid
  }

  get isReady(): boolean {
    return this.#report !== undefined && this.#ending === undefined && !this.#taken
  }

  /** Why its modules could not be loaded. */
  get failure(): string | undefined {
    return this.#failure
  }

  /** Resolves when it waits, or never will. */
  async load(): Promise<void> {
    const { from, preload, variables } = this.recipe
    this.#channel.send({ from, preload, nodeOptions: variables['NODE_OPTIONS'] })
    if (!this.#paused) this.#limitLoad()
    const message = await this.#channel.next()
    clearTimeout(this.#limit)
    this.#limit = undefined
    this.#report = message?.ready
    if (this.#report) return
    if (!this.#unwanted) {
      this.#failure ??= message?.failed
        ? `${quote(message.name)} could not be loaded: ${quote(message.failed)}`
        : `it ended while its modules were loaded${exitText(await this.#exitSoon())}`
    }
    await this.#endOnce()
  }

  /** It uses no CPU until {@link resume}. Only while it loads: who waits uses none. */
  pause(): void {
    if (this.#report || this.#ending) return
    this.#paused = true
    clearTimeout(this.#limit)
    this.child.kill('SIGSTOP')
  }

  resume(): void {
    if (!this.#paused || this.#ending) return
    this.#paused = false
    this.child.kill('SIGCONT')
    this.#limitLoad()
  }

  #limitLoad(): void {
    this.#limit = setTimeout(() => {
      this.#failure = `its modules were not loaded after ${loadLimitMs} ms`
      void this.#endOnce()
    }, loadLimitMs).unref()
  }

  /** The variables that its modules have read, and that are others in the environment. */
  differing(variables: Variables): readonly string[] {
    const reads = this.#report?.reads ?? []
    return reads.filter((name) => this.recipe.variables[name] !== variables[name])
  }

  /** What became of it; where it does not run the environment's program now, nothing of it is left. */
  async takeOver(work: Work): Promise<'taken' | 'stale' | 'ended'> {
    this.#taken = true
    this.#hold()
    this.#channel.send(work)
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<undefined>((resolve) => {
      // An answer that is there already, since this process itself was held up, is read before that.
      timer = setTimeout(() => setImmediate(() => resolve(undefined)), answerLimitMs)
    })
    const answer = await Promise.race([this.#channel.next(), late])
    clearTimeout(timer)
    this.#channel.close()
    if (answer?.taken) return 'taken'
    await this.#endOnce()
    return answer?.stale ? 'stale' : 'ended'
  }

  #letGo(): void {
    this.child.unref()
    for (const stream of [this.child.stdout, this.child.stderr]) (stream as Socket).unref()
  }

  /** This process goes on as long as it does. */
  #hold(): void {
    this.child.ref()
    for (const stream of [this.child.stdout, this.child.stderr]) (stream as Socket).ref()
  }

  /** Until nothing of it is left. */
  end(): Promise<void> {
    if (!this.#ending) this.#unwanted = true
    return this.#endOnce()
  }

  #endOnce(): Promise<void> {
    this.#ending ??= this.#end()
    return this.#ending
  }

  async #end(): Promise<void> {
    clearTimeout(this.#limit)
    // Who waits for its end has perhaps nothing else to do.
    this.#hold()
    const { folder, watchdog } = this.parts.gatewayRun
    this.#channel.close()
    try {
      await this.tree.end(0)
      await this.output.end()
    } catch {
      // It waits inside the kernel; the watchdog goes on to look after it.
      return
    }
    removeFolder(join(folder.path, this.name))
    watchdog.release(this.tree.root.token)
  }

  /** Its output may have ended a moment before. */
  #exitSoon(): Promise<ExitInfo | undefined> {
    const late = new Promise<undefined>((resolve) => {
      setTimeout(() => resolve(undefined), 1000).unref()
    })
    return Promise.race([this.ended, late])
  }
}

function exitText(exit: ExitInfo | undefined): string {
  if (exit?.signal) return `, by ${exit.signal}`
  return exit?.exitCode === undefined ? '' : `, with exit code ${exit.exitCode}`
}

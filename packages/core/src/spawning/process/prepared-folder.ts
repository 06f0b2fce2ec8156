import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import type { Preparation, PreparationContext } from '../../environment/preparation.js'
import { InvalidOptionError, quote } from '../../errors.js'
import { checkOptions, durationMs, listOf, object, type Rules, text } from '../../option-check.js'
import { defaultInheritEnv, environmentVariables } from './environment-variables.js'
import { launch } from './launch.js'
import { OutputReader } from './output-reader.js'
import { processTable } from './process-table.js'
import { ProcessTree } from './process-tree.js'

/** One command of a {@link preparedFolder}. */
export interface PreparationStep {
  /** The command and its arguments; no shell reads them. */
  readonly command: readonly string[]
  /** What it does, for whoever waits. @default the command's first word */
  readonly name?: string
}

/** Options of {@link preparedFolder}. */
export interface PreparedFolderOptions {
  /** The folder to make. Once made it is never touched again: what it is made of, such as a commit, belongs in its name. */
  readonly folder: string
  /** Run one after the other, in the folder while it is being made: its path is another one until all are done. */
  readonly steps: readonly PreparationStep[]
  /** How long all steps may take together. @default 600_000 */
  readonly timeoutMs?: number
  /** Variables beside the inherited ones. @default {} */
  readonly env?: Readonly<Record<string, string>>
  /** Which of the host's variables the steps get, as for {@link processSpawner}. @default defaultInheritEnv */
  readonly inheritEnv?: readonly string[]
}

const where = 'preparedFolder()'
const maxLineBytes = 8_192

const stepRule = {
  expected: 'an object with `command`, a list of strings',
  holds: (value: unknown) =>
    object.holds(value) && listOf(text, '').holds((value as PreparationStep).command),
}

const rules: Rules = {
  folder: text,
  steps: listOf(stepRule, 'a list of objects with `command`, a list of strings'),
  timeoutMs: durationMs,
  env: object,
  inheritEnv: listOf(text, 'a list of names of variables, or `PREFIX_*`'),
}

/**
 * A folder that is made by commands, whole or not at all: they work in a folder beside it, which takes its place when the last one
 * has succeeded. A folder that they have made before is left as it is, also by another run of the gateway. One that they have not made
 * is never removed: an environment may run in it, or somebody's work be there.
 *
 * @throws {@link InvalidOptionError} for an option that is unknown or makes no sense.
 *
 * @example
 * ```ts
 * const specFor: SpecFor = ({ id }) => ({
 *   run: { command: ['node', 'server.js'], cwd: `checkouts/${commitOf(id)}` },
 *   prepare: preparedFolder({
 *     folder: `checkouts/${commitOf(id)}`,
 *     steps: [
 *       { name: 'checking out', command: ['git', 'clone', '--revision', commitOf(id), repository, '.'] },
 *       { name: 'installing packages', command: ['npm', 'ci'] },
 *     ],
 *   }),
 * })
 * ```
 */
export function preparedFolder(options: PreparedFolderOptions): Preparation {
  checkOptions(where, options, rules)
  const { folder, steps, timeoutMs = 600_000 } = options
  if (steps.length === 0 || steps.some(({ command }) => command.length === 0)) {
    throw new InvalidOptionError(`Expected \`steps\` of ${where} to name a command each, got none`)
  }
  const path = resolve(folder)
  const fingerprint = createHash('sha256')
    .update(JSON.stringify(steps.map(({ command }) => command)))
    .digest('hex')
  return {
    key: `${path} ${fingerprint}`,
    timeoutMs,
    async run(context) {
      // Several specs may have one folder.
      const before = underWay.get(path) ?? Promise.resolve()
      const mine = before.catch(() => {}).then(() => make(path, fingerprint, options, context))
      underWay.set(path, mine)
      try {
        await mine
      } finally {
        if (underWay.get(path) === mine) underWay.delete(path)
      }
    },
  }
}

/** By path, what is being made in this process. */
const underWay = new Map<string, Promise<void>>()
/** Folders in which this process is making something. */
const stagings = new Set<string>()

async function make(
  path: string,
  fingerprint: string,
  options: PreparedFolderOptions,
  context: PreparationContext,
): Promise<void> {
  context.signal.throwIfAborted()
  if (await isMade(path, fingerprint)) return
  await removeLeftovers(path)
  const staging = `${path}.preparing-${process.pid}-${randomBytes(4).toString('hex')}`
  stagings.add(staging)
  try {
    await mkdir(staging, { recursive: true })
    for (const step of options.steps) {
      // eslint-disable-next-line no-await-in-loop -- one after the other
      await runStep(step, staging, options, context)
    }
    // Another gateway may have made it meanwhile.
    if (await isMade(path, fingerprint)) return
    // The mark first: a host that dies in between leaves a mark without a folder, which says nothing.
    await writeFile(markFile(path), fingerprint)
    await rename(staging, path)
  } finally {
    await rm(staging, { recursive: true, force: true, maxRetries: 3 })
    stagings.delete(staging)
  }
}

/** @throws {Error} where the folder is there, and was made by somebody else, or by other steps */
async function isMade(path: string, fingerprint: string): Promise<boolean> {
  if (!existsSync(path)) return false
  const mark = await readFile(markFile(path), 'utf8').catch(() => undefined)
  if (mark === fingerprint) return true
  const whose = mark === undefined ? 'was not made by these steps' : 'was made by other steps'
  throw new Error(
    `the folder ${quote(path)} is there and ${whose}; name another one in \`folder\`, or remove it`,
  )
}

/** Beside the folder, not in it, where a checkout would find a file that it does not know. */
function markFile(path: string): string {
  return `${path}.prepared`
}

/** What a host that was killed left half-made. */
async function removeLeftovers(path: string): Promise<void> {
  const parent = dirname(path)
  const prefix = `${basename(path)}.preparing-`
  const names = await readdir(parent).catch(() => [])
  await Promise.all(
    names
      .filter((name) => name.startsWith(prefix) && !isInUse(join(parent, name), prefix.length))
      .map((name) => rm(join(parent, name), { recursive: true, force: true })),
  )
}

/** Whether a living gateway is making something in a folder: its name begins with the process's number. */
function isInUse(staging: string, prefixLength: number): boolean {
  const pid = Number.parseInt(basename(staging).slice(prefixLength), 10)
  return pid === process.pid ? stagings.has(staging) : isAlive(pid)
}

function isAlive(pid: number): boolean {
  try {
    return pid > 0 && process.kill(pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

async function runStep(
  { command, name }: PreparationStep,
  cwd: string,
  options: PreparedFolderOptions,
  context: PreparationContext,
): Promise<void> {
  const { signal, id, graceMs } = context
  signal.throwIfAborted()
  context.progress(name ?? command[0] ?? '')
  const token = randomBytes(16).toString('hex')
  const { PORT: _, ...variables } = environmentVariables({
    host: process.env,
    inheritEnv: options.inheritEnv ?? defaultInheritEnv,
    run: { command, ...(options.env && { env: options.env }) },
    id,
    port: '',
    instanceToken: token,
    hostToken: token,
  })
  const child = await launch({ id, command, cwd, variables, failure: 'the step could not begin' })
  const lastLines: string[] = []
  const outputs = [child.stdout, child.stderr].map(
    (stream) =>
      new OutputReader(stream, maxLineBytes, (line) => {
        lastLines.push(line)
        if (lastLines.length > 10) lastLines.shift()
        context.log(line)
      }),
  )
  const exited = once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>
  const table = processTable(process.platform)
  const tree = new ProcessTree(
    { token, pid: child.pid, ...(await table.birthOf(child.pid)) },
    table,
    true,
  )
  const end = (): void => void tree.end(graceMs)
  signal.addEventListener('abort', end, { once: true })
  if (signal.aborted) end()
  try {
    const [exitCode, exitSignal] = await exited
    signal.throwIfAborted()
    // Its last words may be without an end of the line.
    for (const output of outputs) output.finish()
    if (exitCode !== 0) {
      const how =
        exitSignal === null ? `exited with code ${exitCode}` : `was ended by ${exitSignal}`
      const said = lastLines.length > 0 ? `: ${lastLines.slice(-3).join(' | ')}` : ''
      throw new Error(`${quote(command.join(' '))} ${how}${said}`)
    }
  } finally {
    signal.removeEventListener('abort', end)
    // What it left in the background has no one to end it later, and may still write into the folder.
    await tree.end(signal.aborted ? graceMs : 0)
    for (const output of outputs) output.finish()
  }
}

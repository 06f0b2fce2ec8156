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
  /** The folder to make. */
  readonly folder: string
  /** Run one after the other, in the folder while it is being made: its path is another one until all are done. */
  readonly steps: readonly PreparationStep[]
  /** Another one makes the folder anew: a commit, the hash of a lockfile. @default '' */
  readonly key?: string
  /** How long all steps may take together. @default 600_000 */
  readonly timeoutMs?: number
  /** Variables beside the inherited ones. @default {} */
  readonly env?: Readonly<Record<string, string>>
  /** Which of the host's variables the steps get, as for {@link processSpawner}. @default defaultInheritEnv */
  readonly inheritEnv?: readonly string[]
}

const where = 'preparedFolder()'
/** Between the polite and the forced end of a step. */
const graceMs = 5_000
const maxLineBytes = 8_192

const stepRule = {
  expected: 'an object with `command`, a list of strings',
  holds: (value: unknown) =>
    object.holds(value) && listOf(text, '').holds((value as PreparationStep).command),
}

const rules: Rules = {
  folder: text,
  steps: listOf(stepRule, 'a list of objects with `command`, a list of strings'),
  key: { expected: 'a string', holds: (value) => typeof value === 'string' },
  timeoutMs: durationMs,
  env: object,
  inheritEnv: listOf(text, 'a list of names of variables, or `PREFIX_*`'),
}

/**
 * A folder that is made by commands, whole or not at all: they work in a folder beside it, which takes its place when the last one
 * has succeeded. A folder that is there already, with the same key and commands, is left as it is, also by another run of the gateway.
 *
 * @throws {@link InvalidOptionError} for an option that is unknown or makes no sense.
 *
 * @example
 * ```ts
 * const specFor: SpecFor = ({ id }) => ({
 *   run: { command: ['node', 'server.js'], cwd: `checkouts/${id}` },
 *   prepare: preparedFolder({
 *     folder: `checkouts/${id}`,
 *     steps: [
 *       { name: 'checking out', command: ['git', 'clone', '--branch', id, repository, '.'] },
 *       { name: 'installing packages', command: ['npm', 'ci'] },
 *     ],
 *   }),
 * })
 * ```
 */
export function preparedFolder(options: PreparedFolderOptions): Preparation {
  checkOptions(where, options, rules)
  const { folder, steps, key = '', timeoutMs = 600_000 } = options
  if (steps.length === 0 || steps.some(({ command }) => command.length === 0)) {
    throw new InvalidOptionError(`Expected \`steps\` of ${where} to name a command each, got none`)
  }
  const path = resolve(folder)
  const fingerprint = createHash('sha256')
    .update(JSON.stringify([key, steps.map(({ command }) => command)]))
    .digest('hex')
  return {
    key: `${path} ${fingerprint}`,
    timeoutMs,
    async run(context) {
      const isMade = existsSync(path) && (await markOf(path)) === fingerprint
      if (isMade) return
      const staging = `${path}.preparing-${process.pid}-${randomBytes(4).toString('hex')}`
      await removeLeftovers(path)
      await mkdir(staging, { recursive: true })
      try {
        for (const step of steps) {
          // eslint-disable-next-line no-await-in-loop -- one after the other
          await runStep(step, staging, options, context)
        }
        await takePlace(staging, path, fingerprint)
      } finally {
        await rm(staging, { recursive: true, force: true, maxRetries: 3 })
      }
    },
  }
}

/** Beside the folder, not in it, where a checkout would find a file that it does not know. */
function markFile(path: string): string {
  return `${path}.prepared`
}

async function markOf(path: string): Promise<string | undefined> {
  return readFile(markFile(path), 'utf8').catch(() => undefined)
}

/** A host that dies in between leaves a folder without a mark, which is made anew. */
async function takePlace(staging: string, path: string, fingerprint: string): Promise<void> {
  await rm(markFile(path), { force: true })
  await rm(path, { recursive: true, force: true, maxRetries: 3 })
  await rename(staging, path)
  await writeFile(markFile(path), fingerprint)
}

/** What a host that was killed left half-made. */
async function removeLeftovers(path: string): Promise<void> {
  const parent = dirname(path)
  const prefix = `${basename(path)}.preparing-`
  const names = await readdir(parent).catch(() => [])
  await Promise.all(
    names
      .filter(
        (name) =>
          name.startsWith(prefix) && !isAlive(Number.parseInt(name.slice(prefix.length), 10)),
      )
      .map((name) => rm(join(parent, name), { recursive: true, force: true })),
  )
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
  const { signal, id } = context
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

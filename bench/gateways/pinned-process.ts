import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process'

/** How a process is started. */
export interface ProcessOptions {
  /** The core that it may run on, as taskset counts them. @default all that this process has */
  readonly core?: number | undefined
  readonly stdio: StdioOptions
  readonly env?: NodeJS.ProcessEnv
}

const running = new Set<ChildProcess>()
const leave = (): void => {
  for (const child of running) child.kill('SIGKILL')
}

/** Starts a program on one core. It does not outlive this process, unless this one is killed. */
export function startPinned(
  program: string,
  words: readonly string[],
  { core, ...options }: ProcessOptions,
): ChildProcess {
  // taskset becomes the program, so that the process is the same, and so are its descriptors.
  const [file, before] =
    core === undefined ? [program, []] : ['taskset', ['-c', String(core), program]]
  const child = spawn(file, [...before, ...words], options)
  if (running.size === 0) process.on('exit', leave)
  running.add(child)
  child.once('exit', () => {
    running.delete(child)
    if (running.size === 0) process.off('exit', leave)
  })
  return child
}

/** Ends a process whose state is worth nothing, and resolves when it is gone. Idempotent. */
export async function end(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return
  const gone = new Promise((resolve) => child.once('exit', resolve))
  child.kill('SIGKILL')
  await gone
}

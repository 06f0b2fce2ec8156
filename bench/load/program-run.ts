import { text } from 'node:stream/consumers'
import { end, startPinned } from '../gateways/pinned-process.ts'

/** A program that ends by itself. */
export interface ProgramRun {
  readonly program: string
  readonly words: readonly string[]
  /** The core that it may run on. */
  readonly core: number
  /** Ends it before its time. */
  readonly signal: AbortSignal
}

/** Resolves to what it has written to standard output. @throws where it fails, or the signal says so */
export async function runProgram({ program, words, core, signal }: ProgramRun): Promise<string> {
  signal.throwIfAborted()
  const child = startPinned(program, words, { core, stdio: ['ignore', 'pipe', 'pipe'] })
  const stop = (): void => void end(child)
  signal.addEventListener('abort', stop)
  try {
    const exit = new Promise<number | null>((resolve, reject) => {
      child.once('error', reject)
      child.once('close', resolve)
    })
    const [said, complaint, code] = await Promise.all([
      child.stdout ? text(child.stdout) : '',
      child.stderr ? text(child.stderr) : '',
      exit,
    ])
    signal.throwIfAborted()
    if (code === 0) return said
    throw new Error(`${program} exited with ${code}: ${complaint.trim().slice(-300)}`)
  } finally {
    signal.removeEventListener('abort', stop)
  }
}

import { join } from 'node:path'
import { runProgram } from './program-run.ts'

/** How many connections ask at a time, in all that is measured. */
export const connections = 64

/** What is asked for, of whom. */
export interface WrkLoad {
  readonly port: number
  readonly path: string
  /** One of `scripts/`. @default none: the same GET again and again */
  readonly script?: string | undefined
  /** Of the script. */
  readonly words?: readonly (string | number)[] | undefined
  readonly seconds: number
}

export interface WrkResult {
  readonly requests: number
  readonly requestsPerSecond: number
  /** What went wrong, in wrk's own words; `undefined` where nothing did. */
  readonly problem: string | undefined
}

/** Asks as fast as it is answered, for some time. */
export async function runWrk(
  { port, path, script, words: ofScript = [], seconds }: WrkLoad,
  core: number,
  signal: AbortSignal,
): Promise<WrkResult> {
  const file = script === undefined ? [] : ['-s', join(import.meta.dirname, 'scripts', script)]
  const words = ['-t1', `-c${connections}`, `-d${seconds}s`, '-H', 'x-env-id: bench', ...file]
  words.push(`http://127.0.0.1:${port}${path}`, '--', ...ofScript.map(String))
  return parseWrk(await runProgram({ program: 'wrk', words, core, signal }))
}

/** Reads the summary that wrk prints. @throws where it is none */
export function parseWrk(text: string): WrkResult {
  const requests = /^\s*(\d+) requests in /m.exec(text)?.[1]
  const perSecond = /^Requests\/sec:\s*([\d.]+)$/m.exec(text)?.[1]
  if (requests === undefined || perSecond === undefined) {
    throw new Error(`Expected the summary of wrk, got ${JSON.stringify(text.slice(0, 300))}`)
  }
  const problem = text.match(/^\s*(?:Socket errors|Non-2xx or 3xx responses): .*$/gm)
  return {
    requests: Number(requests),
    requestsPerSecond: Number(perSecond),
    problem: problem?.map((line) => line.trim()).join('; '),
  }
}

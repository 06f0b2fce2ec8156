import { readFileSync } from 'node:fs'
import { findProgram } from '../../test/forwarding/peers/find-program.ts'
import { coresMissing } from './cores.ts'

/** What the benchmark starts, and the Debian package that has it. */
const programs = { wrk: 'wrk', nginx: 'nginx', taskset: 'util-linux' }
/** Both ends of 2,000 connections through a gateway, and some. */
const openFiles = 6000

/** Why nothing can be measured here, in one sentence; `undefined` where it can. */
export function missing(): string | undefined {
  for (const [program, debianPackage] of Object.entries(programs)) {
    if (findProgram(program) === undefined) {
      return `${program} is not installed: apt-get install ${debianPackage} brings it.`
    }
  }
  // Node.js has raised its own limit, and that of what it starts, as far as it may.
  const [, limit] =
    /Max open files +\d+ +(\d+)/.exec(readFileSync('/proc/self/limits', 'utf8')) ?? []
  if (Number(limit) < openFiles) {
    return `A process may open ${limit} files, and needs ${openFiles}: ulimit -Hn raises that.`
  }
  return coresMissing()
}

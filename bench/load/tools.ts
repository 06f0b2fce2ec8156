import { findProgram } from '../../test/forwarding/peers/find-program.ts'

/** What is not written in Node.js, and the Debian package that has it. */
const packages: ReadonlyMap<string, string> = new Map([
  ['wrk', 'wrk'],
  ['h2load', 'nghttp2-client'],
  ['nginx', 'nginx'],
  ['haproxy', 'haproxy'],
  ['taskset', 'util-linux'],
])

/** A sentence that says what to install, or `undefined` where all is there. */
export function missingTools(): string | undefined {
  const missing = [...packages].filter(([program]) => findProgram(program) === undefined)
  if (missing.length === 0) return undefined
  const names = missing.map(([program]) => program).join(', ')
  return `There is no ${names} here; on Debian: apt-get install ${missing.map(([, name]) => name).join(' ')}.`
}

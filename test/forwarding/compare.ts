// npm run compare:forwarding [-- --only <name,...>] [--json <file>] [--verbose]
//
// Runs the cases of forwarding against Alcove and against other proxies, and prints how many each passes. How each of them
// is set up, and why so, is written in peers/. It fails only where Alcove does.
import { readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { alcove } from './alcove/index.ts'
import { cases } from './cases/index.ts'
import { type Contestant, type Score, compare } from './compare-run.ts'
import { failuresOf, sectionsTable, settingsTable, verdict } from './compare-table.ts'
import { peers } from './peers/index.ts'

/** How many cases run at a time: those that pass take time of the processor, and most that fail wait for what never comes. */
const parallel = { alcove: 8, peers: 24 }

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    json: { type: 'string' },
    verbose: { type: 'boolean', default: false },
  },
})

// Interrupted, it still ends what it has started.
process.once('SIGINT', () => process.exit(130)).once('SIGTERM', () => process.exit(143))
// What a case waits for beside what has failed may fail as well, when nobody listens any more.
process.on('unhandledRejection', () => {})

const own = alcove.map((subject) => Object.assign({ version }, subject))
const contestants = chosen([...own, ...peers])
const begun = performance.now()
const alcoves = await compareAll(own, parallel.alcove)
const scores = [...alcoves, ...(await compareAll(peers, parallel.peers))]
const seconds = Math.round((performance.now() - begun) / 1000)

print(`\n${cases.length} cases, Node.js ${process.versions.node}, ${seconds} s\n`)
print(settingsTable(scores))
print(`\n${sectionsTable(scores)}\n`)
if (values.verbose) {
  for (const score of scores) print(failuresOf(score).join('\n'))
}
if (values.json !== undefined) {
  const whole = { node: process.versions.node, cases: cases.length, scores }
  await writeFile(values.json, `${JSON.stringify(whole, undefined, 2)}\n`)
}
print(verdict(alcoves))
process.exitCode = alcoves.every(passesAll) ? 0 : 1

function compareAll(all: readonly Contestant[], atATime: number): Promise<readonly Score[]> {
  const asked = all.filter((contestant) => contestants.includes(contestant))
  return compare(asked, cases, { parallel: atATime, onCase, onScore })
}

function chosen(all: readonly Contestant[]): readonly Contestant[] {
  if (values.only === undefined) return all
  const names = values.only.split(',').map((name) => name.trim().toLowerCase())
  // "alcove" is all of its places.
  const is = (contestant: Contestant, name: string): boolean =>
    contestant.name.toLowerCase() === name ||
    contestant.name.toLowerCase().startsWith(`${name} in `)
  const unknown = names.filter((name) => !all.some((contestant) => is(contestant, name)))
  if (unknown.length > 0) {
    process.stderr.write(
      `Expected names among ${all.map(({ name }) => name).join(', ')}; got ${unknown.join(', ')}\n`,
    )
    process.exit(2)
  }
  return all.filter((contestant) => names.some((name) => is(contestant, name)))
}

function version(): string {
  const file = join(import.meta.dirname, '../../packages/core/package.json')
  return (JSON.parse(readFileSync(file, 'utf8')) as { readonly version: string }).version
}

function onCase(done: number, of: number): void {
  if (process.stderr.isTTY) process.stderr.write(`\r${done} of ${of} `)
}

function onScore({ name, results }: Score): void {
  const passed = results.filter(({ outcome }) => outcome.is === 'passed').length
  process.stderr.write(
    `${process.stderr.isTTY ? '\r' : ''}${name}: ${passed} of ${results.length}\n`,
  )
}

function passesAll({ results }: Score): boolean {
  return results.every(({ outcome }) => outcome.is === 'passed')
}

function print(text: string): void {
  process.stdout.write(`${text}\n`)
}

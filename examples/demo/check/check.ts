import { cpSync, mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { demoEnvironments, folderOf } from '../environments.ts'
import { printEvents } from '../events.ts'
import { startGateway } from '../gateway.ts'
import { Checklist } from './checklist.ts'
import { DemoChecks } from './demo-checks.ts'

const wholeCheckMs = 45_000
const idleTimeoutMs = 2_000
/** How long this process may take to end by itself. */
const endMs = 3_000

/**
 * Drives the demo's gateway as browsers do, and prints what it finds.
 *
 * @param port - Where the gateway listens; 0: on any free port.
 * @returns whether all is well
 */
export async function check(port: number): Promise<boolean> {
  const began = performance.now()
  const ended = new AbortController()
  const timer = setTimeout(() => {
    ended.abort(new Error(`the whole check takes longer than ${wholeCheckMs} ms`))
  }, wholeCheckMs)
  const interrupt = (signal: string): void => ended.abort(new Error(`interrupted by ${signal}`))
  process.on('SIGINT', interrupt).on('SIGTERM', interrupt)

  // Inherited by all that is started, and the place of Alcove's own files: by it both are found afterwards.
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'alcove-demo-')))
  process.env['TMPDIR'] = folder
  const viteFolder = join(folder, 'vite')
  cpSync(folderOf('vite'), viteFolder, { recursive: true })

  const list = new Checklist(ended.signal)
  const events: string[] = []
  try {
    const environments = demoEnvironments(viteFolder)
    const gateway = await startGateway(environments, { port, idleTimeoutMs })
    printEvents(gateway.manager, (line) => events.push(line))
    gateway.manager.on('log', ({ id, text }) => events.push(`  ${id}: ${text}`))
    console.log(`\n  Checking the demo's gateway on port ${gateway.port}\n`)
    await new DemoChecks(list, { gateway, environments, idleTimeoutMs, folder }).run()
  } finally {
    rmSync(folder, { recursive: true, force: true })
    clearTimeout(timer)
    process.off('SIGINT', interrupt).off('SIGTERM', interrupt)
  }

  if (!list.passed) console.log(`\n  What happened:\n${events.join('\n')}`)
  const seconds = ((performance.now() - began) / 1000).toFixed(1)
  console.log(`\n  ${list.passed ? 'All is well' : 'Something is wrong'} (${seconds} s)\n`)
  setTimeout(() => {
    console.error('  Something keeps the process of the gateway from ending.')
    process.exit(1)
  }, endMs).unref()
  return list.passed
}

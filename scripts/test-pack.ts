// node scripts/test-pack.ts [application ...]
//
// Installs what would be published into an empty application of each framework, does there what the
// README says, asks an environment for an answer, and looks for what is left after the end.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { get, type IncomingMessage } from 'node:http'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { text } from 'node:stream/consumers'
import { setTimeout as delay } from 'node:timers/promises'
import { leftFiles, markedProcesses } from '../test/leftovers/leftovers.ts'
import { root } from './install.mjs'
import { pack, packages } from './packages.ts'
import { exampleFiles, namedFile } from './readme-example.ts'

interface Application {
  readonly heading: string
  readonly framework: string
  readonly adapter: string
}

const applications: readonly Application[] = [
  { heading: 'Express', framework: 'express@4', adapter: '@alcove/express-adapter' },
  { heading: 'Express', framework: 'express@5', adapter: '@alcove/express-adapter' },
  { heading: 'Koa', framework: 'koa@2', adapter: '@alcove/koa-adapter' },
  { heading: 'Koa', framework: 'koa@3', adapter: '@alcove/koa-adapter' },
]

const id = 'pr-42'
const startupMs = 30_000
// What a gateway that ends leaves to its watchdog is gone after 5 s.
const endMs = 7_000

const chosen = process.argv.slice(2)
const readme = readFileSync(join(root, 'README.md'), 'utf8')
const work = mkdtempSync(join(tmpdir(), 'alcove-pack-'))
let failures = 0
try {
  const tarballs = new Map(packages.map((entry) => [entry.name, pack(entry, work).tarball]))
  for (const application of applications) {
    const { framework } = application
    if (chosen.length > 0 && !chosen.includes(framework)) continue
    const began = performance.now()
    try {
      await tryOut(application, tarballs)
      console.log(`ok ${framework} (${((performance.now() - began) / 1000).toFixed(1)} s)`)
    } catch (error) {
      failures += 1
      console.log(`FAILED ${framework}:`, error instanceof Error ? error.message : error)
    }
  }
} finally {
  rmSync(work, { recursive: true, force: true })
}
process.exitCode = failures === 0 ? 0 : 1

async function tryOut(
  { heading, framework, adapter }: Application,
  tarballs: ReadonlyMap<string, string>,
): Promise<void> {
  const folder = join(work, framework)
  const port = await freePort()
  const files = exampleFiles(readme, heading)
  const program = files.find(({ name }) => name === 'server.js')
  if (program === undefined) throw new Error(`README.md has no server.js under "${heading}".`)
  const environment =
    files.find(({ name }) => name === 'devEnv.js') ?? namedFile(readme, 'devEnv.js')
  if (environment === undefined) throw new Error('README.md has no block that begins // devEnv.js.')

  mkdirSync(folder)
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ private: true, type: 'module' }))
  for (const { name, text: content } of [...files, environment]) {
    // The README's port may be taken here.
    writeFileSync(join(folder, name), content.replaceAll('8080', String(port)))
  }
  const ours = ['@alcove/core', adapter].map((name) => tarballs.get(name) ?? name)
  execFileSync(
    'npm',
    ['install', '--no-audit', '--no-fund', '--loglevel=error', ...ours, framework],
    {
      cwd: folder,
      stdio: ['ignore', 'ignore', 'inherit'],
    },
  )
  await serve(folder, port)
}

/** Runs the application until it has answered as it should and left nothing. */
async function serve(folder: string, port: number): Promise<void> {
  // What it starts inherits the name of this folder, which finds it again.
  const temporary = mkdtempSync(join(tmpdir(), 'alcove-'))
  const path = `${process.env['PATH'] ?? ''}${delimiter}${temporary}`
  const server = spawn(process.execPath, ['server.js'], {
    cwd: folder,
    env: { ...process.env, PATH: path, TMPDIR: temporary },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  for (const stream of [server.stdout, server.stderr]) {
    stream.setEncoding('utf8').on('data', (chunk: string) => (output += chunk))
  }
  try {
    await listening(server, port)
    await expectAnswer(port, { host: `${id}.localhost:${port}` })
    await expectAnswer(port, { 'x-env-id': id })
    const elsewhere = await request(port, {})
    if (elsewhere.body.includes(id)) throw new Error('A request without an environment got one.')
    server.kill('SIGTERM')
    if (server.exitCode === null && server.signalCode === null) await once(server, 'exit')
    await expectNothingLeft(temporary)
  } catch (error) {
    server.kill('SIGKILL')
    throw new Error(`${String(error)}\nThe application printed:\n${output}`, { cause: error })
  } finally {
    for (const { pid } of markedProcesses(temporary)) process.kill(pid, 'SIGKILL')
    rmSync(temporary, { recursive: true, force: true })
  }
}

async function expectAnswer(
  port: number,
  headers: Readonly<Record<string, string>>,
): Promise<void> {
  const { status, body } = await request(port, headers)
  if (status === 200 && body.includes(id)) return
  throw new Error(`Asked with ${JSON.stringify(headers)}, got ${status} ${JSON.stringify(body)}.`)
}

async function request(
  port: number,
  headers: Readonly<Record<string, string>>,
): Promise<{ readonly status: number; readonly body: string }> {
  const asked = get({ host: '127.0.0.1', port, headers, signal: AbortSignal.timeout(startupMs) })
  const [response] = (await once(asked, 'response')) as [IncomingMessage]
  return { status: response.statusCode ?? 0, body: await text(response) }
}

async function listening(server: ChildProcess, port: number): Promise<void> {
  const deadline = performance.now() + startupMs
  while (performance.now() < deadline) {
    if (server.exitCode !== null) throw new Error(`It exited with ${server.exitCode}.`)
    try {
      await request(port, {})
      return
    } catch {
      await delay(50)
    }
  }
  throw new Error(`It did not listen on port ${port} in ${startupMs} ms.`)
}

async function expectNothingLeft(temporary: string): Promise<void> {
  const deadline = performance.now() + endMs
  while (performance.now() < deadline && leftIn(temporary).length > 0) await delay(50)
  const left = leftIn(temporary)
  if (left.length > 0) throw new Error(`It left behind:\n  ${left.join('\n  ')}`)
}

function leftIn(temporary: string): readonly string[] {
  return [
    ...markedProcesses(temporary).map(({ pid, command }) => `process ${pid} (${command})`),
    ...leftFiles(temporary).map((name) => `temporary file ${name}`),
  ]
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('No port.')
  return address.port
}

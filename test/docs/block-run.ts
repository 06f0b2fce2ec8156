import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { type IncomingMessage, request as httpRequest } from 'node:http'
import { request as httpsRequest, type RequestOptions } from 'node:https'
import { basename, dirname, join, relative } from 'node:path'
import { text } from 'node:stream/consumers'
import { authority } from '../../packages/core/src/environment/certificates.fixture.ts'
import { writeCertificates } from './certificate-files.ts'
import { freePort } from './free-port.ts'
import { type Block, isServer, type Visit } from './markdown.ts'
import { Program } from './program.ts'
import { compile, root } from './workspace.ts'

/** A block in a folder of its own, with the files that its page tells to write. */
export interface WrittenBlock {
  readonly block: Block
  readonly folder: string
  /** From the workspace. */
  readonly path: string
  /** In the places of 8080 and 3000, which may be taken here. */
  readonly ports: readonly [number, number]
}

/** Writes a block with its page's files; each line of it has the number that it has in the page. */
export async function writeBlock(
  workspace: string,
  block: Block,
  page: readonly Block[],
): Promise<WrittenBlock> {
  const folder = mkdtempSync(join(workspace, 'b-'))
  const ports = [await freePort(), await freePort()] as const
  const before = page.filter(({ line }) => line < block.line)
  const after = page.filter(({ line }) => line > block.line)
  // Of several with one name, the one that a reader has seen last.
  const files = new Map([...after.toReversed(), ...before].map((other) => [other.file, other]))
  files.delete(undefined)
  const name = nameOf(block)
  files.set(name, block)
  for (const [file = '', other] of files) {
    const { text: code, line } = other
    const path = join(folder, file)
    mkdirSync(dirname(path), { recursive: true })
    const note = `(await import('node:fs')).writeFileSync(${JSON.stringify(traceOf(workspace, other))}, '')`
    writeFileSync(path, `${note}${'\n'.repeat(line - 1)}${withPorts(code, ports)}\n`)
    writeCertificates(folder, code)
  }
  return { block, folder, path: relative(workspace, join(folder, name)), ports }
}

/** Whether a block is a program that another one of its page starts. */
export function isPart(block: Block, page: readonly Block[]): boolean {
  const { file } = block
  if (file === undefined) return false
  const named = page.some((other) => other !== block && other.text.includes(`'${basename(file)}'`))
  return named || file === 'devEnv.js'
}

/** Whether anything has run a block. */
export function hasRun(workspace: string, block: Block): boolean {
  return existsSync(traceOf(workspace, block))
}

/** Runs a block as a reader would; throws an error that names page and line. */
export async function runBlock(workspace: string, written: WrittenBlock): Promise<void> {
  const { block, folder } = written
  const temporary = mkdtempSync(join(workspace, 't-'))
  let program: Program | undefined
  try {
    try {
      const args = await argumentsFor(workspace, written)
      program = new Program(args, folder, temporary)
      if (isServer(block.text)) await visitAll(program, written)
      else await program.toEnd()
    } finally {
      await program?.close()
    }
    if (program.stderr !== '') throw new Error('it printed to stderr')
    expectLines(program.stdout, promisedBy(block.text))
  } catch (error) {
    const output = program ? `\n--- stdout\n${program.stdout}--- stderr\n${program.stderr}` : ''
    const all = `${(error as Error).message}${output}`
    throw new Error(`${block.page}:${block.line}: ${inPage(all, written, workspace)}`, {
      cause: error,
    })
  }
}

/** Puts the page in the place of the file that was made of it: the lines are the same. */
export function inPage(message: string, { block, path }: WrittenBlock, workspace: string): string {
  const files = [join(workspace, path), path].flatMap((file) => [`file://${file}`, file])
  return files.reduce((all, file) => all.replaceAll(file, block.page), message)
}

const traceOf = (workspace: string, { page, line }: Block): string =>
  join(workspace, `ran-${basename(page)}-${line}`)

async function argumentsFor(
  workspace: string,
  { block: { language, text: code }, path }: WrittenBlock,
): Promise<readonly string[]> {
  const file = join(workspace, path)
  if (/from 'vitest'/.test(code)) {
    const vitest = join(root, 'node_modules/vitest/vitest.mjs')
    return [vitest, 'run', '--root', dirname(file), '--config', join(workspace, 'vitest.config.js')]
  }
  return ['--enable-source-maps', language === 'ts' ? await compile(file) : file]
}

function nameOf({ file, language, text: code }: Block): string {
  return file ?? (/from 'vitest'/.test(code) ? 'block.test.ts' : `block.${language}`)
}

async function visitAll(program: Program, { block, ports }: WrittenBlock): Promise<void> {
  if (block.visits.length === 0)
    throw new Error('nothing in the page visits it: add a block with curl')
  for (const visit of block.visits) {
    const printed = await program.onceItListens(() =>
      ask(visit, new URL(withPorts(visit.url, ports))),
    )
    try {
      expectLines(printed, visit.expected)
    } catch (error) {
      throw new Error(`curl in line ${visit.line}: ${(error as Error).message}`, { cause: error })
    }
  }
}

/** What curl would print. */
async function ask(visit: Visit, url: URL): Promise<string> {
  const { method, withHead } = visit
  const { protocol, port, host, hostname: servername, pathname, search } = url
  const options: RequestOptions = {
    host: '127.0.0.1',
    port,
    method,
    path: pathname + search,
    agent: false,
    headers: { host, ...visit.headers },
    ...(visit.trusting && { servername, ca: authority }),
  }
  const request = protocol === 'https:' ? httpsRequest(options) : httpRequest(options)
  request.setTimeout(30_000, () => request.destroy(new Error('no answer within 30 s')))
  request.end()
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  const { statusCode, statusMessage, rawHeaders } = response
  const fields = rawHeaders.flatMap((name, index) =>
    index % 2 ? [] : [`${name}: ${rawHeaders[index + 1]}`],
  )
  const head = [`HTTP/1.1 ${statusCode} ${statusMessage}`, ...fields, ''].join('\n')
  return (withHead ? `${head}\n` : '') + (await text(response))
}

/** What a block says that it prints: `console.log(state) // ready`; `…` stands for anything. */
function promisedBy(code: string): readonly string[] {
  return [...code.matchAll(/^\s*console\.log\(.*\) \/\/ (?<line>.+)$/gm)].map(
    ({ groups }) => groups?.['line'] ?? '',
  )
}

/** That each of the lines was printed, in this order. */
function expectLines(printed: string, expected: readonly string[]): void {
  const lines = printed.split('\n').map((line) => line.trim())
  for (const line of expected) {
    const parts = line.split('…').map((part) => part.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&'))
    const pattern = new RegExp(`^${parts.join('.*')}$`, 'i')
    const at = lines.findIndex((candidate) => pattern.test(candidate))
    if (at === -1) throw new Error(`it did not print ${JSON.stringify(line)}:\n${printed}`)
    lines.splice(0, at + 1)
  }
}

function withPorts(code: string, [gateway, other]: readonly [number, number]): string {
  return code.replace(/\b8080\b/g, String(gateway)).replace(/\b3000\b/g, String(other))
}

import { once } from 'node:events'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join, sep } from 'node:path'
import type { Transition } from '@alcove/core'
import { type DemoEnvironments, folderOf } from '../environments.ts'
import type { DemoGateway } from '../gateway.ts'
import { type Checklist, expect, until } from './checklist.ts'
import { type Answer, Client, type ViteSocket } from './client.ts'
import { processesWith, uncountable } from './processes.ts'

const concurrentRequests = 200
/** The copy of the Vite project, and what Node.js caches for Vite. */
const notOfAlcove: ReadonlySet<string> = new Set(['vite', 'node-compile-cache'])

/** What is checked, and by what. */
export interface DemoUnderCheck {
  readonly gateway: DemoGateway
  readonly environments: DemoEnvironments
  readonly idleTimeoutMs: number
  /** Marks what belongs to this check: see {@link processesWith}. */
  readonly folder: string
}

/** The promises of the demo, checked one after another against its gateway, which is closed in the end. */
export class DemoChecks {
  readonly #list: Checklist
  readonly #demo: DemoUnderCheck
  readonly #client: Client
  readonly #transitions: Transition[] = []
  readonly #problems: string[] = []
  #viteSocket: ViteSocket | undefined

  constructor(list: Checklist, demo: DemoUnderCheck) {
    this.#list = list
    this.#demo = demo
    this.#client = new Client(demo.gateway.port)
    demo.gateway.manager.on('transition', (change) => this.#transitions.push(change))
    demo.gateway.manager.on('problem', ({ message }) => this.#problems.push(message))
  }

  async run(): Promise<void> {
    const list = this.#list
    if (uncountable !== undefined) list.skip('the number of processes', uncountable)

    await list.check('a cold Express application answers', 10_000, async (signal) =>
      this.#coldStart('express', signal, ({ headers, body }) => {
        expect(headers['x-powered-by'] === 'Express', 'the answer is not of Express')
        expect(body.includes('<h1>Express</h1>'), 'the page is not that of the application')
      }),
    )
    const hasPython = this.#demo.environments.has('python')
    if (hasPython) {
      await list.check('a cold program that is not of Node.js answers', 10_000, async (signal) =>
        this.#coldStart('python', signal, ({ headers, body }) => {
          const file = readFileSync(join(folderOf('python'), 'index.html'), 'utf8')
          expect(String(headers['server']).startsWith('SimpleHTTP'), 'the answer is not of Python')
          expect(body === file, 'the page is not the file in its folder')
        }),
      )
    } else {
      list.skip('a program that is not of Node.js', 'there is no python3 on the PATH')
    }
    await list.check('a cold Vite dev server answers', 15_000, async (signal) =>
      this.#coldStart('vite', signal, ({ body }) => {
        expect(body.includes('/@vite/client'), 'the page has not been through Vite')
        expect(body.includes('<h1>Vite</h1>'), "the page is not the project's")
      }),
    )
    await list.check('an edited file reaches a client of Vite', 10_000, async (signal) =>
      this.#edit(signal),
    )
    await list.check(
      `${concurrentRequests} first requests make one process`,
      10_000,
      async (signal) => this.#storm('express', signal),
    )
    const idle = hasPython ? 'python' : 'express'
    await list.check('an idle environment goes, and comes back', 10_000, async (signal) =>
      this.#idle(idle, signal),
    )
    this.#viteSocket?.close()
    await list.checkEnd('nothing is left in the end', 8_000, async () => this.#end())
  }

  async #coldStart(
    id: string,
    signal: AbortSignal,
    assertIsRight: (answer: Answer) => void,
  ): Promise<string> {
    expect(this.#demo.gateway.manager.get(id) === undefined, 'it has been started before')
    expect(this.#processesOf(id).length === 0, 'it has a process before')
    const answer = await this.#client.get(id, '/', signal)
    expect(answer.status === 200, `the answer has the status ${answer.status}: ${answer.body}`)
    assertIsRight(answer)
    return `${answer.body.length} characters of ${answer.headers['content-type'] ?? 'unknown type'}`
  }

  async #edit(signal: AbortSignal): Promise<string> {
    const socket = await this.#client.openViteSocket('vite', signal)
    // Left open: an environment that is in use in this way must not count as idle.
    this.#viteSocket = socket
    // What a page loads: Vite tells about these files only.
    for (const path of ['/main.js', '/message.js']) await this.#client.get('vite', path, signal)

    const sentence = `Edited by process ${process.pid}`
    const file = join(this.#folderOf('vite'), 'message.js')
    const edit = (): void => writeFileSync(file, `export const message = '${sentence}'\n`)
    const editedAt = performance.now()
    edit()
    // Vite may not have begun to watch the file yet.
    const again = setInterval(edit, 1000)
    try {
      await socket.next(
        ({ type, updates }) =>
          type === 'update' &&
          updates?.some(({ acceptedPath }) => acceptedPath === '/message.js') === true,
      )
    } finally {
      clearInterval(again)
    }
    const tookMs = Math.round(performance.now() - editedAt)
    const { body } = await this.#client.get('vite', '/message.js', signal)
    expect(body.includes(sentence), 'the file is served as it was before')
    return `told after ${tookMs} ms`
  }

  async #storm(id: string, signal: AbortSignal): Promise<string> {
    await this.#demo.gateway.manager.stop(id)
    expect(this.#processesOf(id).length === 0, 'it still has a process after stop()')
    const startsBefore = this.#count(id, 'starting')
    const processes = new Set<string>()
    const look = (): void => {
      for (const found of this.#processesOf(id)) processes.add(found)
    }
    const looking = setInterval(look, 10)
    try {
      const answers = await Promise.all(
        Array.from({ length: concurrentRequests }, async () => this.#client.get(id, '/', signal)),
      )
      look()
      const failed = answers.find(({ status }) => status !== 200)
      expect(failed === undefined, `an answer has the status ${failed?.status}`)
      const pages = new Set(answers.map(({ body }) => body))
      expect(pages.size === 1, `the answers come from ${pages.size} processes`)
      expect([...pages].join('').includes('Process '), 'the page does not tell its process')
    } finally {
      clearInterval(looking)
    }
    const starts = this.#count(id, 'starting') - startsBefore
    expect(starts === 1, `it was started ${starts} times`)
    if (uncountable !== undefined) return `${concurrentRequests} answers, 1 start`
    expect(
      processes.size === 1,
      `there were ${processes.size} processes: ${[...processes].join(', ')}`,
    )
    return `${concurrentRequests} answers, 1 start, 1 process seen`
  }

  async #idle(id: string, signal: AbortSignal): Promise<string> {
    const { manager } = this.#demo.gateway
    const viteBefore = manager.explain('vite').generation
    await this.#client.get(id, '/', signal)
    const usedAt = performance.now()
    const { generation: before } = manager.explain(id)
    await until(() => manager.explain(id).state === 'stopped', signal)
    const idleMs = performance.now() - usedAt
    const reason = manager.explain(id).history.at(-1)?.reason ?? ''
    expect(reason.startsWith('idle for '), `it was stopped for another reason: ${reason}`)
    // Timers may fire early by a millisecond, and the answer reaches us after the gateway's last look at it.
    expect(
      idleMs > this.#demo.idleTimeoutMs - 100,
      `it was stopped after only ${Math.round(idleMs)} ms`,
    )
    expect(this.#processesOf(id).length === 0, 'its process still runs')
    expect(this.#viteSocket?.isOpen !== false, 'Vite was stopped too, with a WebSocket open')
    expect(
      this.#viteSocket === undefined || manager.explain('vite').generation === viteBefore,
      'Vite was started again meanwhile',
    )

    const askedAt = performance.now()
    const { status } = await this.#client.get(id, '/', signal)
    expect(status === 200, `the answer after that has the status ${status}`)
    const { generation: after = 0 } = manager.explain(id)
    expect(after > (before ?? 0), 'it is the same instance as before')
    const backMs = Math.round(performance.now() - askedAt)
    return `gone after ${Math.round(idleMs)} ms, back in ${backMs} ms, and Vite in use all the time`
  }

  async #end(): Promise<string> {
    const before = processesWith(this.#demo.folder).length
    await this.#demo.gateway.close()
    const left = processesWith(this.#demo.folder)
    expect(left.length === 0, `these processes still run: ${left.join(', ')}`)
    const files = readdirSync(this.#demo.folder, { recursive: true, encoding: 'utf8' }).filter(
      (file) => !notOfAlcove.has(file.split(sep, 1)[0] ?? ''),
    )
    expect(files.length === 0, `files are left: ${files.join(', ')}`)
    expect(await isRefused(this.#demo.gateway.port), 'the gateway still listens')
    expect(this.#problems.length === 0, this.#problems.join('; '))
    return `${before} processes ended, no file left`
  }

  #count(id: string, to: Transition['to']): number {
    return this.#transitions.filter((change) => change.id === id && change.to === to).length
  }

  #processesOf(id: string): string[] {
    return processesWith(this.#demo.folder, this.#folderOf(id))
  }

  #folderOf(id: string): string {
    return this.#demo.environments.get(id)?.folder ?? ''
  }
}

async function isRefused(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1')
  try {
    await once(socket, 'connect')
    return false
  } catch {
    return true
  } finally {
    socket.destroy()
  }
}

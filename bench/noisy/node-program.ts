import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { end, startPinned } from '../gateways/pinned-process.ts'
import { firstPriority } from './priority.ts'

export interface NodeProgramOptions {
  /** The core that it may run on. */
  readonly core: number
  /** Whether it comes before all others there. @default false */
  readonly isFirst?: boolean
}

/** A program of `programs/` in a process of its own, which tells what it has to tell in messages. */
export class NodeProgram implements AsyncDisposable {
  readonly #name: string
  readonly #child: ChildProcess

  private constructor(name: string, child: ChildProcess) {
    this.#name = name
    this.#child = child
  }

  /** Starts it, and resolves to it when it is there to take messages, with the first that it sent. */
  static async start<First>(
    name: string,
    words: readonly (string | number)[],
    { core, isFirst = false }: NodeProgramOptions,
  ): Promise<readonly [NodeProgram, First]> {
    const file = join(import.meta.dirname, 'programs', `${name}.ts`)
    const node = [process.execPath, '--no-warnings', file, ...words.map(String)]
    const [first = '', ...rest] = [...(isFirst ? firstPriority().words : []), ...node]
    const child = startPinned(first, rest, {
      core,
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    })
    const program = new NodeProgram(name, child)
    try {
      return [program, await program.next<First>()]
    } catch (error) {
      await program.end()
      throw error
    }
  }

  /** Sends it a message, and resolves to its next one. @throws where it exits before */
  async ask<Answer>(message: object | string): Promise<Answer> {
    const answer = this.next<Answer>()
    this.tell(message)
    return answer
  }

  /** Sends it a message that it answers later or never. */
  tell(message: object | string): void {
    this.#child.send(message)
  }

  /** Resolves to its next message. @throws where it exits before */
  async next<Message>(): Promise<Message> {
    const either = new AbortController()
    const { signal } = either
    try {
      return await Promise.race([
        once(this.#child, 'message', { signal }).then(([message]) => message as Message),
        once(this.#child, 'exit', { signal }).then(([code, killed]) => {
          throw new Error(`${this.#name} exited with ${String(killed ?? code)}`)
        }),
      ])
    } finally {
      either.abort()
    }
  }

  /** Ends it, and resolves when it is gone. Idempotent. */
  async end(): Promise<void> {
    await end(this.#child)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end()
  }
}

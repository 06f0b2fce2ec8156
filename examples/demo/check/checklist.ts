import { styleText } from 'node:util'

/** Checks one thing after another, each within its time, and prints what came of it. */
export class Checklist {
  readonly #ended: AbortSignal
  #failures = 0

  /** @param ended - Aborts when there is no time left for any check. */
  constructor(ended: AbortSignal) {
    this.#ended = ended
  }

  get passed(): boolean {
    return this.#failures === 0
  }

  /** @param work - Resolves to the figures; to be given up when its signal aborts. */
  async check(
    name: string,
    deadlineMs: number,
    work: (signal: AbortSignal) => Promise<string>,
  ): Promise<void> {
    if (this.#ended.aborted) this.#fail(name, this.#ended.reason as Error)
    else await this.#check(name, deadlineMs, work, this.#ended)
  }

  /** As {@link check}, also where there is no time left: what was started has to be ended. */
  async checkEnd(name: string, deadlineMs: number, work: () => Promise<string>): Promise<void> {
    await this.#check(name, deadlineMs, work)
  }

  #fail(name: string, { message }: Error): void {
    this.#failures += 1
    console.log(`  ${styleText('red', '✘')} ${name}  ${styleText('red', message)}`)
  }

  /** For what can't be checked here. */
  skip(name: string, reason: string): void {
    console.log(
      `  ${styleText('yellow', '–')} ${name}  ${styleText('yellow', `not checked: ${reason}`)}`,
    )
  }

  async #check(
    name: string,
    deadlineMs: number,
    work: (signal: AbortSignal) => Promise<string>,
    ended?: AbortSignal,
  ): Promise<void> {
    const began = performance.now()
    const deadline = new AbortController()
    const timer = setTimeout(() => {
      deadline.abort(new Error(`not within ${deadlineMs} ms`))
    }, deadlineMs)
    const signal = AbortSignal.any(ended ? [deadline.signal, ended] : [deadline.signal])
    try {
      const figures = await Promise.race([aborted(signal), work(signal)])
      const tookMs = Math.round(performance.now() - began)
      const details = styleText('dim', `${tookMs} ms, ${figures}`)
      console.log(`  ${styleText('green', '✔')} ${name}  ${details}`)
    } catch (error) {
      this.#fail(name, signal.aborted ? (signal.reason as Error) : (error as Error))
    } finally {
      clearTimeout(timer)
    }
  }
}

/** @throws {Error} with the message, where something does not hold. */
export function expect(holds: boolean, otherwise: string): asserts holds {
  if (!holds) throw new Error(otherwise)
}

/** Looks every few milliseconds until it holds. */
export async function until(holds: () => boolean, signal: AbortSignal): Promise<void> {
  while (!holds()) {
    signal.throwIfAborted()
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const abort = (): void => reject(signal.reason as Error)
    if (signal.aborted) abort()
    signal.addEventListener('abort', abort, { once: true })
  })
}

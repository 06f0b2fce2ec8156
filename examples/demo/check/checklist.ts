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
    const began = performance.now()
    const deadline = new AbortController()
    const timer = setTimeout(() => {
      deadline.abort(new Error(`not within ${deadlineMs} ms`))
    }, deadlineMs)
    const signal = AbortSignal.any([deadline.signal, this.#ended])
    try {
      const figures = await Promise.race([aborted(signal), work(signal)])
      const tookMs = Math.round(performance.now() - began)
      console.log(
        `  ${styleText('green', '✔')} ${name}  ${styleText('dim', `${tookMs} ms, ${figures}`)}`,
      )
    } catch (error) {
      this.fail(name, signal.aborted ? (signal.reason as Error) : (error as Error))
    } finally {
      clearTimeout(timer)
    }
  }

  fail(name: string, { message }: Error): void {
    this.#failures += 1
    console.log(`  ${styleText('red', '✘')} ${name}  ${styleText('red', message)}`)
  }

  /** For what can't be checked here. */
  skip(name: string, reason: string): void {
    console.log(
      `  ${styleText('yellow', '–')} ${name}  ${styleText('yellow', `not checked: ${reason}`)}`,
    )
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

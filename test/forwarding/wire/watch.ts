// Less than a case has, so that it says what it waited for.
const patienceMs = 5000

/** What was waited for did not come, and its end neither. */
export class TooLateError extends Error {}

/** Something that changes, and what waits for it to do so. */
export class Watch {
  readonly #looks = new Set<() => void>()

  /** It has changed. */
  note(): void {
    for (const look of this.#looks) look()
  }

  /**
   * Waits until something holds.
   *
   * @param over - Why it will never hold, once that is so.
   * @param got - What there is instead, for the error.
   */
  until(holds: () => boolean, over: () => string | undefined, got: () => string): Promise<void> {
    return new Promise((resolve, reject) => {
      const look = (): void => {
        try {
          if (holds()) settle(resolve)
          else if (over() !== undefined) give(over() ?? '')
        } catch (error) {
          settle(() => reject(error))
        }
      }
      const give = (why: string): void => settle(() => reject(new Error(`${why}; ${got()}`)))
      const timer = setTimeout(
        () => settle(() => reject(new TooLateError(`Waited too long; ${got()}`))),
        patienceMs,
      )
      const settle = (how: () => void): void => {
        clearTimeout(timer)
        this.#looks.delete(look)
        how()
      }
      this.#looks.add(look)
      look()
    })
  }
}

/** Settles as `work` does, or rejects with the signal's reason as soon as that aborts; the work goes on. */
export function unlessAborted<Result>(work: Promise<Result>, signal: AbortSignal): Promise<Result> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason as Error)
    if (signal.aborted) abort()
    signal.addEventListener('abort', abort, { once: true })
    // Not Promise.race(): its reactions would pile up on a promise that lives as long as the signal.
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort))
  })
}

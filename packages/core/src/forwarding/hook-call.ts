import { AlcoveError, HookFailedError, quote } from '../errors.js'

/**
 * Calls a function of the host's. An AlcoveError that it throws is the host's way to choose the answer.
 *
 * @param hook - For messages: `onRequest`.
 * @param id - The environment, where there is one yet.
 * @throws {@link HookFailedError} for anything else that it throws
 */
export function calling<Result>(hook: string, id: string | undefined, call: () => Result): Result {
  try {
    return call()
  } catch (error) {
    throw failed(hook, id, error)
  }
}

/** The same for one that can't be waited for. @throws {@link HookFailedError} where it returns a promise */
export function callingNow<Result>(
  hook: string,
  id: string | undefined,
  call: () => Result,
): Result {
  const returned = calling(hook, id, () => {
    const result = call()
    return isThenable(result) ? { promise: Promise.resolve(result) } : { result }
  })
  if (!returned.promise) return returned.result
  // Nobody else will hear of it.
  returned.promise.catch(() => {})
  throw new HookFailedError(`\`${hook}\` may not be asynchronous: it is not waited for`, ofId(id))
}

export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as Partial<PromiseLike<unknown>> | undefined)?.then === 'function'
}

export function failed(hook: string, id: string | undefined, cause: unknown): AlcoveError {
  if (cause instanceof AlcoveError) return cause
  const where = id === undefined ? '' : ` for environment ${quote(id)}`
  return new HookFailedError(`\`${hook}\` failed${where}`, { ...ofId(id), cause })
}

function ofId(id: string | undefined): { readonly id?: string } {
  return id === undefined ? {} : { id }
}

import assert from 'node:assert/strict'

/** Settles as `work` does, or says what did not come in time. */
export async function inTime<T>(
  work: Promise<T>,
  patienceMs: number,
  what: () => string,
): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new assert.AssertionError({ message: `Waited ${patienceMs} ms for ${what()}` })),
      patienceMs,
    )
  })
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}

/** One turn of the event loop: sockets have had their say. */
export function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve)
  })
}

export async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i += 1) await turn()
}

/** Until something holds, but no longer than so many turns: nothing here waits for what may never come. */
export async function turnsUntil(holds: () => boolean, atMost = 200): Promise<void> {
  for (let i = 0; i < atMost && !holds(); i += 1) await turn()
}

/** Begins to work on all items, so many at a time, in their order. */
export function inTurn<Item>(
  items: readonly Item[],
  atATime: number,
  work: (item: Item) => Promise<void>,
): ReadonlyMap<Item, Promise<void>> {
  const results = new Map(items.map((item) => [item, Promise.withResolvers<void>()]))
  const waiting = [...results]
  const next = async (): Promise<void> => {
    for (let entry = waiting.shift(); entry; entry = waiting.shift()) {
      const [item, { resolve, reject }] = entry
      await work(item).then(resolve, reject)
    }
  }
  for (let started = 0; started < atATime; started += 1) void next()
  return new Map(
    [...results].map(([item, { promise }]) => {
      // Whoever asks for it is told; nobody has to ask.
      promise.catch(() => {})
      return [item, promise]
    }),
  )
}

/** Bytes that can be told from all others: by the environment that sends them, and by the number of what was asked for. */
export function contentOf(id: string, seed: number, bytes: number): Buffer {
  const words = new Uint32Array(Math.ceil(bytes / 4))
  let state = (hashOf(id) ^ Math.imul(seed + 1, 0x9e3779b1)) | 1
  for (let i = 0; i < words.length; i += 1) {
    // Xorshift (Marsaglia, 2003): never 0, since it does not begin with it.
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    words[i] = state
  }
  return Buffer.from(words.buffer, 0, bytes)
}

function hashOf(text: string): number {
  let hash = 0x811c9dc5
  for (const character of text) hash = Math.imul(hash ^ character.charCodeAt(0), 0x01000193)
  return hash
}

/** The events of a stream, as they are sent, one by one; the last one says that it is. */
export function eventsOf(id: string, seed: number, count: number): string[] {
  return Array.from({ length: count }, (_, number) => {
    const name = number === count - 1 ? 'event: last\n' : ''
    const data = contentOf(id, seed + number, 24).toString('hex')
    return `${name}id: ${number}\ndata: ${data}\n\n`
  })
}

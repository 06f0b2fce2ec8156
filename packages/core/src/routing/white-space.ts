// OWS, RFC 9110 §5.6.3; trim() would drop more, and make ids of what is none.
function isSpace(character: string | undefined): boolean {
  return character === ' ' || character === '\t'
}

/** The index of what comes after the white space at `from`, `end` at the most. */
export function skipSpace(text: string, from: number, end: number): number {
  let index = from
  while (index < end && isSpace(text[index])) index += 1
  return index
}

/** The text between two indices, without the white space around it. */
export function trimmed(text: string, from: number, end: number): string {
  const start = skipSpace(text, from, end)
  let last = end
  while (last > start && isSpace(text[last - 1])) last -= 1
  return text.slice(start, last)
}

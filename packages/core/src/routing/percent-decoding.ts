/** Text without its escapes; where they can't be decoded, as it is: no id has a `%`, so it is refused as one. */
export function percentDecoded(text: string): string {
  if (!text.includes('%')) return text
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

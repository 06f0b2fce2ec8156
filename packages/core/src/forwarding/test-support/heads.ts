/** The lines of a head, without its last, empty one. */
export function linesOf(head: string): string[] {
  return head.split('\r\n').slice(0, -2)
}

/** The values of a field, in order. */
export function valuesOf(head: string, name: string): string[] {
  const prefix = `${name.toLowerCase()}:`
  return linesOf(head)
    .filter((line) => line.toLowerCase().startsWith(prefix))
    .map((line) => line.slice(prefix.length).trim())
}

/** The names of all fields, in lower case. */
export function namesOf(head: string): string[] {
  return linesOf(head)
    .slice(1)
    .map((line) => line.slice(0, line.indexOf(':')).toLowerCase())
}

/** Shows what is being done, in one line that is written over: nothing where nobody looks on. Without words, it is wiped. */
export function progressLine(section: string): (what?: string) => void {
  if (!process.stderr.isTTY) return () => {}
  return (what) => {
    process.stderr.write(`\r\u001B[K${what === undefined ? '' : `${section}: ${what}`}`)
  }
}

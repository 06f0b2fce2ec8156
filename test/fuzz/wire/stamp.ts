/** Which way bytes go: a request's body and an answer's are never the same. */
export type Direction = '>' | '<'

const lineBytes = 16

const made = new Map<string, Buffer>()

/** The bytes `from` to `to` of what belongs to a token: each says whose it is and where it stands. */
export function stamped(token: string, direction: Direction, from: number, to: number): Buffer {
  const key = token + direction
  let all = made.get(key)
  if (!all || all.length < to) {
    // A token has 6 characters, so that a line has 16 and a byte's place tells its line.
    const lines = Math.ceil(Math.max(to, 1024) / lineBytes)
    let text = ''
    for (let line = 0; line < lines; line += 1) {
      text += `${key}:${line.toString(16).padStart(7, '0')}\n`
    }
    all = Buffer.from(text, 'latin1')
    made.set(key, all)
  }
  return all.subarray(from, to)
}

/** What is wrong with bytes that should be those of a token from `at` on, `undefined` where nothing is. */
export function misfit(
  token: string,
  direction: Direction,
  at: number,
  bytes: Buffer,
): string | undefined {
  const right = stamped(token, direction, at, at + bytes.length)
  if (right.equals(bytes)) return undefined
  const off = bytes.findIndex((byte, i) => byte !== right[i])
  const got = JSON.stringify(bytes.toString('latin1', off, off + 48))
  return `from byte ${at + off} of ${token}'s on, ${got} came`
}

/** Forgets what was made, so that tokens can be used again. */
export function forgetStamps(): void {
  made.clear()
}

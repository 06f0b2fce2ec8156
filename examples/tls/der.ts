// The little of DER (ITU-T X.690) that a certificate needs.

/** One element: its tag, its length, what is in it. */
export function element(tag: number, ...content: readonly Buffer[]): Buffer {
  const body = Buffer.concat(content)
  const digits: number[] = []
  for (let rest = body.length; rest > 0; rest = Math.floor(rest / 256)) digits.unshift(rest % 256)
  const length = body.length < 128 ? [body.length] : [0x80 | digits.length, ...digits]
  return Buffer.concat([Buffer.from([tag, ...length]), body])
}

export const sequence = (...content: readonly Buffer[]): Buffer => element(0x30, ...content)

export const octets = (content: Buffer): Buffer => element(0x04, content)

/** @param content - Its last byte may have bits that don't count. */
export const bits = (content: Buffer, unused = 0): Buffer =>
  element(0x03, Buffer.from([unused]), content)

export const yes: Buffer = element(0x01, Buffer.from([0xff]))

export const utf8 = (content: string): Buffer => element(0x0c, Buffer.from(content))

/** A number that is not negative, by its bytes. */
export const integer = (bytes: Buffer): Buffer =>
  element(0x02, (bytes[0] ?? 0) < 0x80 ? bytes : Buffer.concat([Buffer.from([0]), bytes]))

/** An object identifier, as it is written: `2.5.4.3`. */
export function identifier(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number)
  const bytes = [first * 40 + second]
  for (const arc of rest) {
    const digits = [arc % 128]
    for (let left = Math.floor(arc / 128); left > 0; left = Math.floor(left / 128)) {
      digits.unshift(0x80 | (left % 128))
    }
    bytes.push(...digits)
  }
  return element(0x06, Buffer.from(bytes))
}

/** A moment: with two digits for the year up to 2049, and four from then on (RFC 5280 §4.1.2.5). */
export function time(date: Date): Buffer {
  const digits = date.toISOString().replace(/[-:T]|\.\d+/g, '')
  return date.getUTCFullYear() < 2050
    ? element(0x17, Buffer.from(digits.slice(2)))
    : element(0x18, Buffer.from(digits))
}

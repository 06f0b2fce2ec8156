/** The first line and the fields of a message, as they came. */
export class Head {
  /** `GET / HTTP/1.1`, or `HTTP/1.1 200 OK`; over HTTP/2 the status alone. */
  readonly line: string
  readonly fields: readonly (readonly [name: string, value: string])[]

  /** @param text - With its empty line. */
  constructor(text: string) {
    const [line = '', ...rest] = text.split('\r\n').slice(0, -2)
    this.line = line
    this.fields = rest.map((field) => {
      const colon = field.indexOf(':')
      return [field.slice(0, colon), field.slice(colon + 1).replace(/^[\t ]+|[\t ]+$/g, '')]
    })
  }

  /** One that came as names and values. */
  static of(line: string, flat: readonly string[]): Head {
    let text = `${line}\r\n`
    for (let i = 0; i < flat.length; i += 2) text += `${flat[i]}: ${flat[i + 1]}\r\n`
    return new Head(`${text}\r\n`)
  }

  /** 0 where this is a request. */
  get status(): number {
    return Number(/^(?:HTTP\/\d\.\d )?(\d{3})(?= |$)/.exec(this.line)?.[1] ?? 0)
  }

  get method(): string {
    return this.line.split(' ', 1)[0] ?? ''
  }

  /** The request target. */
  get target(): string {
    return this.line.slice(this.method.length + 1, this.line.lastIndexOf(' '))
  }

  /** The values of a field, in order. */
  values(name: string): string[] {
    return this.fields.filter(([its]) => its.toLowerCase() === name).map(([, value]) => value)
  }

  /** All elements of a field that is a list. */
  list(name: string): string[] {
    return this.values(name)
      .flatMap((value) => value.split(','))
      .map((element) => element.trim())
      .filter((element) => element !== '')
  }

  has(name: string): boolean {
    return this.values(name).length > 0
  }
}

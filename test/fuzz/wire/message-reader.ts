/** Start line and fields of a message, as they came, one byte a character. */
export interface Head {
  readonly start: string
  readonly fields: readonly (readonly [name: string, value: string])[]
}

/** How the end of a body is told. `tunnel`: what follows is no HTTP. */
export type BodyEnd = { readonly length: number } | 'chunked' | 'close' | 'tunnel'

/** What a reader tells. */
export interface MessageSink {
  /** Returns how the end of the body is told, `undefined` where no message was awaited. */
  head(head: Head): BodyEnd | undefined
  body(bytes: Buffer): void
  /** All of a message is there. */
  end(trailers: Head['fields']): void
  /** What follows can't be read. */
  broken(why: string): void
}

type Place = 'head' | 'length' | 'close' | 'chunk size' | 'chunk' | 'chunk end' | 'trailers'

/** Reads HTTP/1.1 messages of one connection, and takes nothing that is not as RFC 9112 has it. */
export class MessageReader {
  #place: Place | 'tunnel' | 'broken' = 'head'
  #rest: Buffer = Buffer.alloc(0)
  #left = 0
  #trailers: Head['fields'] = []
  readonly #sink: MessageSink

  constructor(sink: MessageSink) {
    this.#sink = sink
  }

  /** Whether the last message is over and no other has begun. */
  get between(): boolean {
    return this.#place === 'head' && this.#rest.length === 0
  }

  push(chunk: Buffer): void {
    this.#rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk])
    while (this.#rest.length > 0 && this.#step());
  }

  /** No more comes, and the connection did not break: this may be the end of a message. */
  finish(): void {
    if (this.#place !== 'close') return
    this.#place = 'head'
    this.#sink.end([])
  }

  #step(): boolean {
    switch (this.#place) {
      case 'head':
        return this.#head()
      case 'length':
      case 'chunk':
        this.#take(Math.min(this.#left, this.#rest.length))
        if (this.#left > 0) return false
        if (this.#place === 'length') this.#ended()
        else this.#place = 'chunk end'
        return true
      case 'close':
      case 'tunnel':
        this.#take(this.#rest.length)
        return false
      case 'chunk size': {
        const line = this.#line()
        if (line === undefined) return false
        if (!/^[0-9a-f]{1,8}(;.*)?$/i.test(line))
          return this.#break(`the chunk size ${quote(line)}`)
        this.#left = Number.parseInt(line, 16)
        this.#place = this.#left === 0 ? 'trailers' : 'chunk'
        return true
      }
      case 'chunk end': {
        const line = this.#line()
        if (line === undefined) return false
        if (line !== '') return this.#break(`${quote(line)} behind a chunk`)
        this.#place = 'chunk size'
        return true
      }
      case 'trailers': {
        const line = this.#line()
        if (line === undefined) return false
        const field = fieldOf(line)
        if (line === '') this.#ended()
        else if (field) this.#trailers = [...this.#trailers, field]
        else return this.#break(`the trailer ${quote(line)}`)
        return true
      }
      case 'broken':
        return false
    }
  }

  #head(): boolean {
    const end = this.#rest.indexOf('\r\n\r\n')
    if (end < 0) return false
    const lines = this.#rest.toString('latin1', 0, end).split('\r\n')
    this.#rest = this.#rest.subarray(end + 4)
    const fields = lines.slice(1).map(fieldOf)
    const bad = fields.indexOf(undefined)
    if (bad >= 0) return this.#break(`the field ${quote(lines[bad + 1] ?? '')}`)
    const body = this.#sink.head({ start: lines[0] ?? '', fields: fields as Head['fields'] })
    if (body === undefined) return this.#break('a message that nobody waits for')
    if (typeof body === 'object') {
      this.#left = body.length
      this.#place = 'length'
      if (body.length === 0) this.#ended()
    } else {
      this.#place = body === 'chunked' ? 'chunk size' : body
    }
    return true
  }

  #take(count: number): void {
    const bytes = this.#rest.subarray(0, count)
    this.#rest = this.#rest.subarray(count)
    this.#left -= count
    if (count > 0) this.#sink.body(bytes)
  }

  #ended(): void {
    const trailers = this.#trailers
    this.#trailers = []
    this.#place = 'head'
    this.#sink.end(trailers)
  }

  #line(): string | undefined {
    const end = this.#rest.indexOf('\r\n')
    if (end < 0) return undefined
    const line = this.#rest.toString('latin1', 0, end)
    this.#rest = this.#rest.subarray(end + 2)
    return line
  }

  #break(what: string): false {
    this.#place = 'broken'
    this.#sink.broken(what)
    return false
  }
}

/** The values of a field, in order. */
export function valuesOf({ fields }: Head, name: string): string[] {
  return fields.filter(([each]) => each.toLowerCase() === name).map(([, value]) => value)
}

function fieldOf(line: string): readonly [string, string] | undefined {
  const match = /^([!#$%&'*+.^_`|~\w-]+):[\t ]*([\t\x20-\x7e\x80-\xff]*?)[\t ]*$/.exec(line)
  return match ? [match[1] ?? '', match[2] ?? ''] : undefined
}

function quote(text: string): string {
  return JSON.stringify(text.slice(0, 80))
}

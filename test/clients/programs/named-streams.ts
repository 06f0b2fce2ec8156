import type { IncomingMessage, ServerResponse } from 'node:http'
import { text } from 'node:stream/consumers'

/** Answers that others write: what is posted to the name of one goes out on it. */
export class NamedStreams {
  readonly #streams = new Map<string, ServerResponse>()

  open(name: string, response: ServerResponse, contentType: string): void {
    this.#streams.set(name, response)
    response.on('close', () => console.log('closed', name))
    response.writeHead(200, { 'content-type': contentType, 'cache-control': 'no-store' })
    response.flushHeaders()
  }

  /** `?and-end` ends it after that, `?and-die` breaks it off. */
  async write(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const [name = '', then] = (request.url ?? '').split('?')
    const chunk = await text(request)
    const stream = this.#streams.get(name)
    if (chunk) stream?.write(chunk)
    if (then === 'and-end') stream?.end()
    if (then === 'and-die') stream?.destroy()
    response.end('written')
  }
}

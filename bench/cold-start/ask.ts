import { request } from 'node:http'
import { text } from 'node:stream/consumers'

/** Where to ask, over a connection of its own. */
export type Where =
  | { readonly port: number; readonly headers: Readonly<Record<string, string>> }
  | { readonly socketPath: string }

/** Resolves when the whole answer is there, and is the right one. */
export function ask(where: Where): Promise<void> {
  return new Promise((resolve, reject) => {
    const asked = request({ ...where, host: '127.0.0.1', path: '/', agent: false }, (response) => {
      text(response).then((body) => {
        if (response.statusCode === 200 && body === 'Hello') resolve()
        else reject(new Error(`Expected 200 Hello, got ${response.statusCode} ${body}`))
      }, reject)
    })
    asked.once('error', reject)
    asked.end()
  })
}

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { buffer } from 'node:stream/consumers'
import type { Host } from './host.ts'

// Not what the user has set for all runs, which may be a proxy.
const forTests = '--disable --noproxy * --silent --show-error --verbose --max-time 15'.split(' ')

/** What a run of curl has come to. */
export interface CurlResult {
  readonly exitCode: number | null
  readonly body: Buffer
  /** All heads and trailers that came, line by line. */
  readonly heads: string
  /** All that curl tells of what it does. */
  readonly told: string
}

/** A run of curl: a request to the environment `a`, by its name. */
export class Curl {
  readonly child
  readonly result: Promise<CurlResult>
  /** Once the head of an answer has come. */
  readonly answered: Promise<void>

  constructor(
    executable: string,
    host: Host,
    args: readonly string[],
    target: string,
    input: Buffer | string = '',
  ) {
    // The tests' certificate is of nobody, and not every system knows *.localhost.
    const where = [
      '--insecure',
      '--connect-to',
      `::127.0.0.1:${host.port}`,
      host.urlOf('a', target),
    ]
    this.child = spawn(executable, [...forTests, ...args, ...where])
    this.child.stdin.on('error', () => {})
    this.child.stdin.end(input)
    let told = ''
    this.answered = new Promise((resolve) => {
      this.child.stderr.setEncoding('latin1').on('data', (text: string) => {
        told += text
        if (/^< \r$/m.test(told)) resolve()
      })
    })
    this.result = Promise.all([buffer(this.child.stdout), once(this.child, 'close')]).then(
      ([body]) => {
        const heads = told.matchAll(/^< (?<line>.*)\r$/gm)
        return {
          exitCode: this.child.exitCode,
          body,
          told,
          heads: Array.from(heads, ({ groups }) => groups?.['line']).join('\n'),
        }
      },
    )
  }
}

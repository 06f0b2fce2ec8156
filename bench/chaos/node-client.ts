import { Agent, request } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import { contentOf } from './content.ts'
import { isUpload, targetOf, type Plan } from './plan.ts'
import { type Seen, Sight } from './seen.ts'

/** Node.js's own client, with connections that it keeps. */
export class NodeClient {
  readonly #port: number
  readonly #agent = new Agent({ keepAlive: true })

  constructor(port: number) {
    this.#port = port
  }

  play(plan: Plan, waitMs: number): Promise<Seen> {
    const sight = new Sight()
    return new Promise((resolve) => {
      const asked = request({
        host: '127.0.0.1',
        port: this.#port,
        path: targetOf(plan),
        method: isUpload(plan) ? 'POST' : 'GET',
        agent: plan.fresh ? false : this.#agent,
        headers: {
          'x-environment': plan.id,
          'x-request': plan.number,
          ...(plan.kind === 'digest' && { 'content-length': plan.bytes }),
        },
      })
      const timers = [setTimeout(() => over('late', 'gave up'), waitMs)]
      const over = (end: Seen['end'], why: string): void => {
        for (const timer of timers) clearTimeout(timer)
        resolve(sight.over(end, why, asked.reusedSocket))
        if (end !== 'whole') asked.destroy()
      }
      if (plan.leavesAfterMs !== undefined) {
        timers.push(setTimeout(() => over('left', 'as planned'), plan.leavesAfterMs))
      }
      asked.on('error', (error: NodeJS.ErrnoException) => over('cut', error.code ?? error.message))
      asked.once('response', (response) => {
        const { statusCode = 0, headers } = response
        sight.headCame(statusCode, headers as Record<string, string>)
        response.on('data', (chunk: Buffer) => sight.part(chunk))
        response.once('end', () => over(response.complete ? 'whole' : 'cut', 'end'))
        response.once('error', (error: NodeJS.ErrnoException) => over('cut', error.code ?? ''))
        response.once('close', () => over('cut', 'close'))
        if (plan.stopsReadingMs > 0) {
          response.pause()
          timers.push(setTimeout(() => response.resume(), plan.stopsReadingMs))
        }
      })
      if (isUpload(plan)) void send(plan, (part) => asked.write(part)).then(() => asked.end())
      else asked.end()
    })
  }

  close(): void {
    this.#agent.destroy()
  }
}

/** Sends the content of an upload, in its parts. */
export async function send(plan: Plan, write: (part: Buffer) => unknown): Promise<void> {
  const content = contentOf(plan.id, plan.seed, plan.bytes)
  const partBytes = Math.ceil(content.length / plan.parts)
  for (let at = 0; at < content.length; at += partBytes) {
    if (at > 0) await delay(plan.pauseMs)
    write(content.subarray(at, at + partBytes))
  }
}

import type { Restriction } from '../../events.js'
import type { FrontOptions } from './front.js'
import { Setup } from './setup.js'

interface Exchange {
  /** What the environment got. */
  readonly request: string
  /** What the client got. */
  readonly answer: string
  readonly restrictions: readonly Restriction[]
}

/** One exchange of these fields, at pr-1.dev.test. */
export async function exchange(
  fields: { readonly sent?: readonly string[]; readonly answered?: readonly string[] },
  options: FrontOptions = {},
  status = '200 OK',
): Promise<Exchange> {
  const restrictions: Restriction[] = []
  await using setup = await Setup.of('tcp', {
    ...options,
    onRestricted: (restriction) => restrictions.push(restriction),
  })
  const lines = ['GET /a/sw.js HTTP/1.1', 'Host: pr-1.dev.test:8080', ...(fields.sent ?? [])]
  const { wire, head } = await setup.request(`${lines.join('\r\n')}\r\n\r\n`)
  const answered = [`HTTP/1.1 ${status}`, ...(fields.answered ?? []), 'Content-Length: 0']
  wire.send(`${answered.join('\r\n')}\r\n\r\n`)
  return { request: head, answer: await setup.client.head(), restrictions }
}

/** What was told of it, in words. */
export const told = (restrictions: readonly Restriction[]): string[] =>
  restrictions.map(({ field, action, option }) => `${field} ${action} ${option}`)

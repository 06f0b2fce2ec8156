import { AlcoveError } from '../errors.js'
import { LimitError } from '../limit-errors.js'
import type { FrontRequest } from '../forwarding/messages.js'

/** An answer of the gateway's own, ready to be written. */
export interface OwnAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** What the gateway says for an error: problem+json (RFC 9457), or a small page where a browser navigates. */
export function errorAnswer(request: FrontRequest, error: unknown, showLogs: boolean): OwnAnswer {
  const known = error instanceof AlcoveError ? error : undefined
  const status = known?.status ?? 500
  const code = known?.code ?? 'ALCOVE_INTERNAL'
  const reason = known?.reason ?? 'Something went wrong in the gateway'
  const lines = showLogs ? lastLogLines(error) : []
  const limit = error instanceof LimitError ? error : undefined
  const retryAfterS = known?.retryAfterMs && Math.max(1, Math.ceil(known.retryAfterMs / 1_000))
  const problem = {
    type: 'about:blank',
    title: titles[status] ?? 'Error',
    status,
    detail: reason,
    code,
    ...(known?.id !== undefined && { environment: known.id }),
    ...(limit && { limit: limit.limit, whose: limit.whose }),
    ...(limit?.owner !== undefined && { owner: limit.owner }),
    ...(retryAfterS && { retryAfterMs: Math.ceil(known.retryAfterMs ?? 0) }),
    ...(lines.length > 0 && { lastLogLines: lines }),
  }
  const html = wantsPage(request)
  return {
    status,
    headers: {
      'content-type': html ? 'text/html; charset=utf-8' : 'application/problem+json',
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      'x-alcove-error': code,
      ...(limit && { 'x-alcove-limit': limitField(limit) }),
      ...(retryAfterS && { 'retry-after': String(retryAfterS) }),
      ...(status === 401 && { 'www-authenticate': 'Session' }),
      ...(html && { 'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'" }),
    },
    body: html
      ? page(problem.title, reason, footnotes(code, limit, retryAfterS), lines)
      : `${JSON.stringify(problem)}\n`,
  }
}

/** An item with parameters (RFC 9651 §3.3.2): which limit, whose, and when to try again. An owner may be any text. */
function limitField({ limit, whose, id, owner, retryAfterMs = 0 }: LimitError): string {
  const environment = id === undefined ? '' : `; environment="${id}"`
  const of = owner === undefined ? '' : `; owner="${encodeURIComponent(owner.toWellFormed())}"`
  return `${limit}; whose=${whose}${environment}${of}; retry-after-ms=${Math.ceil(retryAfterMs)}`
}

function footnotes(
  code: string,
  limit: LimitError | undefined,
  retryAfterS: number | undefined,
): readonly string[] {
  const notes = [code]
  if (limit) notes.push(`${limit.limit} of the ${limit.whose}`)
  if (retryAfterS) notes.push(`try again in ${retryAfterS} s`)
  return notes
}

const titles: Readonly<Record<number, string>> = {
  400: 'Bad request',
  401: 'Sign in first',
  403: 'Not allowed',
  404: 'Not found',
  408: 'Too slow',
  429: 'Too much at once',
  500: 'Set up wrongly',
  502: 'Broken answer',
  503: 'Not available now',
  504: 'Took too long',
  508: 'Going in circles',
}

function lastLogLines(error: unknown): readonly string[] {
  const lines = (error as { lastLogLines?: unknown } | undefined)?.lastLogLines
  return Array.isArray(lines) ? lines.map(String) : []
}

/** A browser that navigates; never a script, an image or an XHR. */
function wantsPage(request: FrontRequest): boolean {
  const { headers, method } = request
  if (method !== 'GET' && method !== 'HEAD') return false
  const destination = headers['sec-fetch-dest']
  if (destination !== undefined && !/^(document|iframe|frame)$/.test(destination)) return false
  return /\btext\/html\b/.test(headers.accept ?? '')
}

function page(
  title: string,
  reason: string,
  notes: readonly string[],
  lines: readonly string[],
): string {
  const log = lines.length === 0 ? '' : `<pre>${lines.map(escapeHtml).join('\n')}</pre>`
  return `<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${escapeHtml(title)}</title>
<style>:root{color-scheme:light dark}body{font:16px/1.5 system-ui,sans-serif;max-width:42rem;margin:15vh auto;padding:0 1rem}
pre{overflow:auto;padding:1rem;border:1px solid #8888;border-radius:.5rem;font-size:.85em}small{opacity:.7}</style>
<main><h1>${escapeHtml(title)}</h1><p>${escapeHtml(reason)}.</p>${log}<p><small>${escapeHtml(notes.join(' · '))}</small></p></main></html>
`
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => entities[character] ?? '')
}

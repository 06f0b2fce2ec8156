import { AlcoveError, HookFailedError } from '../errors.js'
import { needsNoMore } from '../forwarding/early-answer.js'
import { isFaultyFraming, isHttp2Response } from '../forwarding/messages.js'
import { errorAnswer } from './error-page.js'
import type { GatewayRequest, GatewayResponse } from './messages.js'
import { mountPath } from './mounts.js'
import type { OnError } from './options.js'

/** How a gateway answers itself. */
export interface OwnAnswersOptions {
  readonly showLogs: boolean
  readonly onError: OnError | undefined
  readonly reportProblem: (error: AlcoveError) => void
}

/** What the gateway says itself, where no environment does: errors and redirects. */
export class OwnAnswers {
  constructor(private readonly options: OwnAnswersOptions) {}

  /** Answers with an error, unless the host does. Never rejects. */
  async refuse(request: GatewayRequest, response: GatewayResponse, cause: unknown): Promise<void> {
    const error = asAlcoveError(cause)
    if (error instanceof HookFailedError) this.options.reportProblem(error)
    if (response.headersSent) {
      response.destroy()
      return
    }
    await this.tell(error, request, response)
    // The host has answered, or is about to.
    if (response.headersSent || response.writableEnded) return
    const answer = errorAnswer(request, cause, this.options.showLogs)
    response.statusCode = answer.status
    for (const [name, value] of Object.entries(answer.headers)) response.setHeader(name, value)
    end(request, response, answer.body)
  }

  /** Tells the host of an error. Never rejects. */
  async tell(
    error: AlcoveError,
    request: GatewayRequest,
    response: GatewayResponse,
  ): Promise<void> {
    try {
      await this.options.onError?.(error, request, response)
    } catch (cause) {
      this.options.reportProblem(new HookFailedError('`onError` failed', { cause }))
    }
  }

  /** Sends the client to another path of this gateway. */
  redirect(request: GatewayRequest, response: GatewayResponse, location: string): void {
    response.statusCode = 307
    response.setHeader('location', mountPath(request) + location)
    response.setHeader('cache-control', 'no-store')
    end(request, response, '')
  }
}

function end(request: GatewayRequest, response: GatewayResponse, body: string): void {
  // What of the body was not read would have to be read to the end before the next request.
  const unread = request.httpVersionMajor === 1 && !request.complete
  if (unread || isFaultyFraming(request)) response.setHeader('connection', 'close')
  response.setHeader('content-length', Buffer.byteLength(body))
  ;(response as { end(body?: string): unknown }).end(request.method === 'HEAD' ? undefined : body)
  if (isHttp2Response(response) && !request.complete) needsNoMore(response)
}

function asAlcoveError(error: unknown): AlcoveError {
  if (error instanceof AlcoveError) return error
  return new HookFailedError('A request could not be answered', { cause: error })
}

import type { ServerResponse } from 'node:http'
import { AlcoveError, HookFailedError } from '../errors.js'
import { discardRest } from '../forwarding/early-answer.js'
import {
  destroyResponse,
  hasBody,
  isFaultyFraming,
  isHttp2Response,
} from '../forwarding/messages.js'
import { errorAnswer } from './error-page.js'
import type { FrontRequest, FrontResponse } from '../forwarding/messages.js'
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
  async refuse(request: FrontRequest, response: FrontResponse, cause: unknown): Promise<void> {
    const error = asAlcoveError(cause)
    if (error instanceof HookFailedError) this.options.reportProblem(error)
    if (response.headersSent) {
      response.destroy()
      return
    }
    await this.tell(error, request, response)
    // The host has answered, or is about to.
    if (response.headersSent || response.writableEnded) return
    try {
      const answer = errorAnswer(request, cause, this.options.showLogs)
      response.statusCode = answer.status
      for (const [name, value] of Object.entries(answer.headers)) response.setHeader(name, value)
      end(request, response, answer.body)
    } catch (reason) {
      // Something that was set before can't be sent: better no answer than a process that ends.
      this.options.reportProblem(
        new HookFailedError('An error could not be answered', { cause: reason }),
      )
      destroyResponse(request, response)
    }
  }

  /** Whether the host wants to be told of errors. */
  get tells(): boolean {
    return this.options.onError !== undefined
  }

  /** Tells the host of an error. Never rejects. */
  async tell(error: AlcoveError, request: FrontRequest, response: FrontResponse): Promise<void> {
    try {
      await this.options.onError?.(error, request, response)
    } catch (cause) {
      this.options.reportProblem(new HookFailedError('`onError` failed', { cause }))
    }
  }

  /** Sends the client to another path of this gateway. */
  redirect(request: FrontRequest, response: FrontResponse, location: string): void {
    response.statusCode = 307
    response.setHeader('location', mountPath(request) + location)
    response.setHeader('cache-control', 'no-store')
    end(request, response, '')
  }
}

function end(request: FrontRequest, response: FrontResponse, text: string): void {
  const answer = response as ServerResponse
  // Over HTTP/2 nothing, and a text without characters, are not the same for Node.js.
  const body = request.method === 'HEAD' || text === '' ? undefined : text
  answer.setHeader('content-length', Buffer.byteLength(text))
  // A request without a body may not count as complete yet, or, where it offers an upgrade, ever.
  if (request.complete || !hasBody(request)) {
    // A client that wanted a tunnel has no use for the connection, and may wait for its end.
    const last = isFaultyFraming(request) || request.headers.upgrade !== undefined
    if (last && !isHttp2Response(response)) answer.setHeader('connection', 'close')
    answer.end(body)
  } else if (isHttp2Response(response)) {
    answer.end(body)
    discardRest(request, response)
  } else {
    // The end of the answer closes the connection: what is not read of the body stands before the next request.
    answer.setHeader('connection', 'close')
    if (body === undefined) answer.flushHeaders()
    else answer.write(body)
    discardRest(request, response, () => answer.end())
  }
}

function asAlcoveError(error: unknown): AlcoveError {
  if (error instanceof AlcoveError) return error
  return new HookFailedError('A request could not be answered', { cause: error })
}

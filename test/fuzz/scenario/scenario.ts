/** What a gateway goes through in one run. It says all that both sides do; only the timing of sockets is left to chance. */
export interface Scenario {
  readonly front: Front
  /** The gateway has connections to the environments, which it may use again. */
  readonly warm: boolean
  readonly visits: readonly Visit[]
}

export type Front = 'http1' | 'http2'

/** One connection of a client. */
export interface Visit {
  /** Begins when the visits before it are over, not beside them. */
  readonly afterOthers: boolean
  /** Sends the next request before the answer to the last is there; over HTTP/2, as one more stream. */
  readonly pipelined: boolean
  readonly exchanges: readonly Exchange[]
  /** What the client does with its connection once it has all answers. */
  readonly leaving: Leaving
}

/** `stays`: keeps it open. `fin`, `rst`: closes or resets it. `half`: ends its own side only, and reads on. */
export type Leaving = 'stays' | 'fin' | 'rst' | 'half'

/** One request and what the environment makes of it. */
export interface Exchange {
  readonly environment: EnvironmentName
  readonly request: RequestPlan
  readonly answer: AnswerPlan
  readonly abort?: Abort | undefined
  /** The client stops reading after so many bytes of the answer, for so many turns. */
  readonly stopsReading?: Stop | undefined
}

/** Two over TCP, since one of them may do what makes its connections unreliable, and one over a Unix socket. */
export const environmentNames = ['tcp', 'unix', 'other'] as const
export type EnvironmentName = (typeof environmentNames)[number]

export interface Stop {
  readonly afterBytes: number
  readonly turns: number
}

/** How bytes are cut into writes. */
export interface Pace {
  /** Where, in thousandths of all bytes. */
  readonly cuts: readonly number[]
  /** What comes between two writes: turns of the event loop, or the other side taking notice. */
  readonly pause: number | 'peer'
}

export interface Abort {
  readonly when: 'in head' | 'after head' | 'in body' | 'after request' | 'in answer'
  /** Over HTTP/2, `fin` resets the stream, `half` ends the session, and `rst` resets the connection. */
  readonly how: Exclude<Leaving, 'stays'>
}

export interface RequestPlan {
  readonly method: string
  readonly target: 'path' | 'absolute' | 'slashes' | 'escapes'
  readonly version: '1.1' | '1.0'
  readonly framing: 'none' | 'length' | 'chunked'
  readonly size: number
  readonly extras: readonly Extra[]
  readonly flaw?: Flaw | undefined
  readonly tunnel?: TunnelPlan | undefined
  readonly pace: Pace
}

/** Things that a request may well have. */
export const extras = [
  'latin1',
  'named',
  'te',
  'trailer',
  'expect',
  'close',
  'cookies',
  'forwarded',
  'h2c',
] as const
export type Extra = (typeof extras)[number]

/** What makes a request one that must not reach an environment, or not as a whole one. */
export const flaws = [
  'two lengths',
  'length and chunked',
  'coding',
  'chunked twice',
  'bad chunk',
  'short body',
  'unended chunks',
  'long body',
  'folded',
  'space before colon',
  'control character',
  'no host',
  'two hosts',
  'huge head',
  'unknown method',
  'lower-case method',
  'asterisk',
  'no slash',
  'CONNECT',
  'expectation',
  'version',
  'garbage',
  'nowhere',
  'unknown environment',
] as const
export type Flaw = (typeof flaws)[number]

/** A WebSocket handshake, and what follows it. */
export interface TunnelPlan {
  readonly accepted: boolean
  /** Bytes from the client, and from the environment. */
  readonly up: number
  readonly down: number
  /** So much of them is sent with the head. */
  readonly early: boolean
  readonly framed: boolean
  readonly ends: 'client' | 'environment'
  readonly how: 'fin' | 'rst'
}

export interface AnswerPlan {
  /** As soon as the head is there, when the whole request is, or some turns later. */
  readonly when: 'head' | 'request' | 'late'
  readonly version: '1.1' | '1.0'
  readonly interims: readonly number[]
  readonly status: number
  readonly framing: 'length' | 'chunked' | 'close' | 'events'
  readonly size: number
  readonly trailers: boolean
  readonly pace: Pace
  /** What becomes of the connection: it is kept, its end is announced, or comes of a sudden. */
  readonly after: 'keep' | 'close' | 'fin' | 'rst'
  readonly fault?: Fault | undefined
  /** Stops reading the request after so many bytes, for so many turns. */
  readonly stopsReading?: Stop | undefined
}

/** What environments do wrong. */
export const faults = [
  'holds back',
  'holds on',
  'dies before head',
  'resets before head',
  'dies in head',
  'dies in body',
  'resets in body',
  'short length',
  'long length',
  'second answer',
  'truncated chunk',
  'bad chunk',
  'garbage',
  'status 099',
  'unasked 101',
  'two lengths',
  'length and chunked',
  'other coding',
  'huge head',
  'bad field',
] as const
export type Fault = (typeof faults)[number]

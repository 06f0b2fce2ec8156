import { type AnswerPlan, type RequestPlan, type Visit, environmentNames } from './scenario.ts'

const pace = { cuts: [], pause: 0 }

export const plainRequest: RequestPlan = {
  method: 'GET',
  target: 'path',
  version: '1.1',
  framing: 'none',
  size: 0,
  extras: [],
  pace,
}

export const plainAnswer: AnswerPlan = {
  when: 'request',
  version: '1.1',
  interims: [],
  status: 200,
  framing: 'length',
  size: 100,
  trailers: false,
  pace,
  after: 'keep',
}

const visit = { afterOthers: false, pipelined: false, leaving: 'stays' } as const

/** Visits that ask each environment once, each client its own. */
export const firstProbe: readonly Visit[] = environmentNames.map((environment) => ({
  ...visit,
  exchanges: [{ environment, request: plainRequest, answer: plainAnswer }],
}))

/** A visit that has to go well: it reads and writes something at each environment. */
export const probe: Visit = {
  ...visit,
  exchanges: environmentNames.flatMap((environment) => [
    { environment, request: plainRequest, answer: plainAnswer },
    {
      environment,
      request: { ...plainRequest, method: 'POST', framing: 'length', size: 1000 },
      answer: { ...plainAnswer, framing: 'chunked', size: 1000 },
    },
  ]),
}

import type { Case } from '../subject.ts'
import { forwarded } from './headers/forwarded.ts'
import { hopByHopAnswers } from './headers/hop-by-hop-answers.ts'
import { hopByHopRequests } from './headers/hop-by-hop-requests.ts'
import { http2Requests } from './headers/http2.ts'
import { ownAddress } from './headers/own-address.ts'
import { values } from './headers/values.ts'
import { via } from './headers/via.ts'

/** What is right in forwarding, situation by situation. */
export const cases: readonly Case[] = [
  ...hopByHopRequests,
  ...hopByHopAnswers,
  ...forwarded,
  ...via,
  ...values,
  ...http2Requests,
  ...ownAddress,
]

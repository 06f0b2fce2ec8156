import type { Case } from '../subject.ts'
import { afterwards } from './failures/afterwards.ts'
import { failures } from './failures/failures.ts'
import { retries } from './failures/retries.ts'
import { answers } from './framing/answers.ts'
import { bodilessAnswers } from './framing/bodiless-answers.ts'
import { brokenUploads } from './framing/broken-chunks.ts'
import { cutUploads } from './framing/cut-uploads.ts'
import { http10 } from './framing/http-1-0.ts'
import { requests } from './framing/requests.ts'
import { smuggling } from './framing/smuggling.ts'
import { forwarded } from './headers/forwarded.ts'
import { hopByHopAnswers } from './headers/hop-by-hop-answers.ts'
import { hopByHopRequests } from './headers/hop-by-hop-requests.ts'
import { http2Requests } from './headers/http2.ts'
import { ownAddress } from './headers/own-address.ts'
import { values } from './headers/values.ts'
import { via } from './headers/via.ts'
import { withOptional } from './optional.ts'
import { backPressure } from './streaming/back-pressure.ts'
import { earlyAnswers } from './streaming/early-answers.ts'
import { endings } from './streaming/endings.ts'
import { expectations } from './streaming/expect.ts'
import { interim } from './streaming/interim.ts'
import { streams } from './streaming/streams.ts'
import { trailers } from './streaming/trailers.ts'
import { origins } from './targets/origins.ts'
import { targets } from './targets/targets.ts'
import { upgradeEndings } from './upgrades/endings.ts'
import { handshakes } from './upgrades/handshakes.ts'
import { refusals } from './upgrades/refusals.ts'

/** What is right in forwarding, situation by situation. */
export const cases: readonly Case[] = withOptional([
  ...hopByHopRequests,
  ...hopByHopAnswers,
  ...forwarded,
  ...via,
  ...values,
  ...http2Requests,
  ...ownAddress,
  ...requests,
  ...smuggling,
  ...brokenUploads,
  ...cutUploads,
  ...answers,
  ...bodilessAnswers,
  ...http10,
  ...streams,
  ...interim,
  ...expectations,
  ...trailers,
  ...endings,
  ...earlyAnswers,
  ...backPressure,
  ...targets,
  ...origins,
  ...handshakes,
  ...refusals,
  ...upgradeEndings,
  ...retries,
  ...afterwards,
  ...failures,
])

import { type GatewayOptions, staticSpawner } from '@alcove/core'
import type { Settings, Target } from '../subject.ts'

/** The options of a gateway for which everything is one environment, whatever a request says. */
export function gatewayOptions(target: Target, settings: Settings): GatewayOptions {
  return {
    router: () => 'pr-1',
    spawner: staticSpawner(),
    specFor: () => ({ run: { endpoint: target } }),
    ...(settings.trustClient && { trustProxy: () => true }),
    ...(settings.answerTimeoutMs !== undefined && { headersTimeoutMs: settings.answerTimeoutMs }),
    // One that is not there is waited for until then.
    readyTimeoutMs: 500,
  }
}

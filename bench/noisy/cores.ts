import { cpus } from 'node:os'

/** The programs of the environments, the floods and the quiet client: all but the gateway. */
export const loadCore = 0
/** The gateway that is measured, alone. */
export const gatewayCore = 1

/** Why nothing can be measured on this machine; `undefined` where it can. */
export function coresMissing(): string | undefined {
  return cpus().length > gatewayCore
    ? undefined
    : 'The gateway needs a processor core of its own, and this machine has one core alone.'
}

import { type AdmissionOptions, admissionRules } from '../admission/options.js'
import { type ForwarderOptions, forwarderRules } from '../forwarding/forwarder-options.js'
import type { EnvironmentManager } from '../manager/manager.js'
import { type ManagerOptions, managerRules } from '../manager/options.js'
import { type AlcoveError, InvalidOptionError } from '../errors.js'
import * as rule from '../option-check.js'
import type { RouterLike } from '../routing/router.js'
import type { Authorize, CrossSiteStarts } from './authorization.js'
import type { ShouldWake } from './waking.js'
import type { FrontRequest, FrontResponse } from '../forwarding/messages.js'

/** How a gateway forwards. */
export type ForwardingOptions = Omit<ForwarderOptions, 'dial' | 'tls' | 'onRestricted'>

/**
 * Told of each error that the gateway is about to answer a request with, and may answer itself instead; waited for. Also told why an
 * answer was cut off: then `response.headersSent` is true.
 */
export type OnError = (
  error: AlcoveError,
  request: FrontRequest,
  response: FrontResponse,
) => void | Promise<void>

/** How a gateway finds environments, lets requests in and forwards them; the rest is its manager's. */
export interface GatewayOptions extends ManagerOptions, AdmissionOptions, ForwardingOptions {
  /** Finds the environment that a request names. */
  readonly router: RouterLike
  /** Whether a request may go to an environment, and whom a start counts against. @default everyone may */
  readonly authorize?: Authorize
  /**
   * Which requests made by other sites' pages may start an environment: none, somebody's following a link, or all.
   * @default 'navigations'
   */
  readonly crossSiteStarts?: CrossSiteStarts
  /** Which requests may start or resume an environment. A router's `wake` goes before it. @default wakesByDefault */
  readonly shouldWake?: ShouldWake
  /** Whether the gateway's own error answers show an environment's last log lines. @default false */
  readonly showLogs?: boolean
  /** Told of errors before they are answered. @default none: a gateway answers them itself */
  readonly onError?: OnError
}

/** A gateway over a manager that the host has made itself, and closes itself. */
export interface SharedManagerOptions
  extends
    Pick<
      GatewayOptions,
      'router' | 'authorize' | 'crossSiteStarts' | 'shouldWake' | 'showLogs' | 'onError'
    >,
    AdmissionOptions,
    ForwardingOptions {
  readonly manager: EnvironmentManager
}

const { dial: _dial, tls: _tls, onRestricted: _onRestricted, ...forwardingRules } = forwarderRules

const doorRules = {
  router: {
    expected: 'a router such as headerRouter(), or a function of the request head',
    holds: (value) =>
      rule.func.holds(value) ||
      (rule.object.holds(value) && rule.func.holds((value as { route?: unknown }).route)),
  },
  authorize: rule.func,
  crossSiteStarts: rule.oneOf('refuse', 'navigations', 'allow'),
  shouldWake: rule.func,
  showLogs: rule.boolean,
  onError: rule.func,
} satisfies rule.Rules

const ownRules = { ...doorRules, ...admissionRules, ...forwardingRules }
const sharedRules: rule.Rules = { ...ownRules, manager: rule.object }

/** The rules for {@link GatewayOptions}, for those who pass them on. */
export const gatewayRules = { ...managerRules, ...ownRules } satisfies Record<
  keyof GatewayOptions,
  rule.Rule
>

/** The options of a gateway, by whose they are. */
export interface SplitOptions {
  readonly own: Pick<SharedManagerOptions, keyof typeof doorRules>
  readonly admission: AdmissionOptions
  readonly forwarding: ForwardingOptions
  readonly forManager: ManagerOptions | EnvironmentManager
}

/** @throws {@link InvalidOptionError} on an option that is unknown or makes no sense. */
export function splitOptions(
  options: GatewayOptions | SharedManagerOptions,
  where: string,
): SplitOptions {
  const shared = options !== null && typeof options === 'object' && 'manager' in options
  rule.checkOptions(where, options, shared ? sharedRules : gatewayRules)
  if (options.router === undefined) {
    throw new InvalidOptionError(
      `Expected \`router\` of ${where} to be ${doorRules.router.expected}, got \`undefined\``,
    )
  }
  const { manager } = options as Partial<SharedManagerOptions>
  return {
    own: pick(options, doorRules) as SplitOptions['own'],
    admission: pick(options, admissionRules),
    forwarding: pick(options, forwardingRules),
    forManager: manager ?? (pick(options, managerRules) as ManagerOptions),
  }
}

function pick(options: object, names: rule.Rules): object {
  return Object.fromEntries(Object.entries(options).filter(([name]) => Object.hasOwn(names, name)))
}

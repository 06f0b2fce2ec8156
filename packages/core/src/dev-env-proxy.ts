import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { SpecFor } from './environment/spec.js'
import { SpawnFailedError } from './errors.js'
import { assertLocal } from './gateway/authorization.js'
import { Doorman } from './gateway/doorman.js'
import { type Gateway, gatewayOf } from './gateway/gateway.js'
import { type GatewayOptions, gatewayRules, type SharedManagerOptions } from './gateway/options.js'
import { HeadOfRequest } from './gateway/request-head.js'
import { checkOptions, object } from './option-check.js'
import { firstMatch } from './routing/first-match.js'
import { headerRouter } from './routing/header.js'
import { subdomainRouter } from './routing/subdomain.js'
import { processSpawner } from './spawning/process/process-spawner.js'

/** {@link GatewayOptions}, all of them optional; or a gateway over a manager of the host's own. */
export type DevEnvProxyOptions =
  | Partial<GatewayOptions>
  | (Partial<SharedManagerOptions> & Pick<SharedManagerOptions, 'manager'>)

/** How many environments there may be where nothing is configured. */
const unconfiguredMaxEnvironments = 10

/**
 * Makes a gateway that works without any option: the header `x-env-id` or `<id>.localhost` names an environment, which is
 * `node devEnv.js <id>` in the working directory, listening at `process.env.PORT`.
 *
 * Without `specFor` and `authorize`, where any name starts a program, it serves this machine's own clients only, lets no other
 * site's page start anything, and keeps 10 environments at the most.
 *
 * @throws {@link InvalidOptionError} on an option that is unknown or makes no sense.
 * @example
 * ```ts
 * const proxy = devEnvProxy()
 * const server = createServer(proxy).listen(8080)
 * proxy.attach(server)
 * ```
 */
export function devEnvProxy(options: DevEnvProxyOptions = {}): Gateway {
  checkOptions('devEnvProxy()', options, { ...gatewayRules, manager: object })
  const router =
    options.router ?? firstMatch(headerRouter(), subdomainRouter({ domain: 'localhost' }))
  if (isShared(options)) return gatewayOf(new Doorman({ ...options, router }, 'devEnvProxy()'))
  const configured = options.specFor !== undefined || options.authorize !== undefined
  return gatewayOf(
    new Doorman(
      {
        ...options,
        ...(!configured && thisMachineOnly(options)),
        router,
        spawner: options.spawner ?? processSpawner(),
        specFor: options.specFor ?? devEnvScript,
      },
      'devEnvProxy()',
    ),
  )
}

function isShared(
  options: DevEnvProxyOptions,
): options is Extract<DevEnvProxyOptions, { readonly manager: unknown }> {
  return 'manager' in options
}

/** What holds where any name starts a program; options may loosen all but who is let in. */
function thisMachineOnly(options: Partial<GatewayOptions>): Partial<GatewayOptions> {
  return {
    authorize: (request, match) => {
      assertLocal(new HeadOfRequest(request), match.id)
      return true
    },
    crossSiteStarts: options.crossSiteStarts ?? 'refuse',
    maxEnvironments: options.maxEnvironments ?? unconfiguredMaxEnvironments,
    showLogs: options.showLogs ?? true,
  }
}

const devEnvScript: SpecFor = ({ id }) => {
  const cwd = process.cwd()
  if (!existsSync(join(cwd, 'devEnv.js'))) {
    throw new SpawnFailedError(
      `Environment "${id}" can't start: there is no devEnv.js in the gateway's working directory; create it, or pass \`specFor\` to devEnvProxy()`,
      { id },
    )
  }
  return { run: { command: [process.execPath, 'devEnv.js', id], cwd } }
}

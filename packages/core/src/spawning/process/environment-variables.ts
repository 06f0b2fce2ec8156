import { fillIn, type ProcessRun } from './run.js'

/**
 * The host's variables that an environment gets unless `inheritEnv` says otherwise: where programs, files and the
 * terminal's language are, and nothing that may hold a secret.
 */
export const defaultInheritEnv: readonly string[] = Object.freeze([
  'PATH',
  'HOME',
  'USER',
  'LOGNAME',
  'SHELL',
  'LANG',
  'LANGUAGE',
  'LC_*',
  'TZ',
  'TMPDIR',
  'TMP',
  'TEMP',
  'TERM',
  'COLORTERM',
  'NO_COLOR',
  'FORCE_COLOR',
  'XDG_CACHE_HOME',
  'XDG_CONFIG_HOME',
  'XDG_DATA_HOME',
  'XDG_STATE_HOME',
  'XDG_RUNTIME_DIR',
  'SSL_CERT_FILE',
  'SSL_CERT_DIR',
  'NODE_EXTRA_CA_CERTS',
])

/** In every process of an instance: by it the whole tree is found, however it was reparented. */
const instanceMarker = 'ALCOVE_INSTANCE'
/** In every process of a gateway's run: by it the watchdog finds all of them. */
const hostMarker = 'ALCOVE_HOST'
/** Where the preload reports to. */
const reportVariable = 'ALCOVE_REPORT'

/** Variables by name. */
export type Variables = Record<string, string>

/** What decides the variables of one instance. */
export interface EnvironmentParts {
  readonly host: Readonly<Record<string, string | undefined>>
  readonly inheritEnv: readonly string[]
  readonly run: ProcessRun
  readonly id: string
  /** The value of PORT. */
  readonly port: string
  readonly instanceToken: string
  readonly hostToken: string
  /** Where the preload is and reports to, for `reported-port`. */
  readonly report?: { readonly folder: string; readonly preload: string }
}

/** The whole environment of an instance; later sources win: inherited, Alcove's defaults, the run's own, Alcove's own. */
export function environmentVariables(parts: EnvironmentParts): Variables {
  const { host, run, port, id, report } = parts
  const own: Variables = {}
  for (const [name, value] of Object.entries(run.env ?? {})) own[name] = fillIn(value, { port, id })
  const variables: Variables = {
    ...markers(host, parts.instanceToken, parts.hostToken),
    ...inherited(host, parts.inheritEnv),
    ...(run.listen === 'reported-port' || run.listen === 'picked-port'
      ? { HOST: '127.0.0.1' }
      : {}),
    ...own,
    PORT: port,
  }
  if (report) {
    variables[reportVariable] = report.folder
    variables['NODE_OPTIONS'] = [variables['NODE_OPTIONS']?.trim(), requireFlag(report.preload)]
      .filter(Boolean)
      .join(' ')
  }
  return variables
}

/**
 * The markers of a process. A gateway may itself run in an environment of another one: the outer one's markers stay in
 * front, so that it still finds all that it has to end.
 */
export function markers(
  host: EnvironmentParts['host'],
  instanceToken: string,
  hostToken: string,
): Variables {
  const chain = (name: string, token: string): string =>
    host[name] ? `${host[name]}:${token}` : token
  return {
    [instanceMarker]: chain(instanceMarker, instanceToken),
    [hostMarker]: chain(hostMarker, hostToken),
  }
}

/** The outer gateway's markers alone, for Alcove's own programs. */
export function outerMarkers(host: EnvironmentParts['host']): Variables {
  const variables: Variables = {}
  for (const name of [instanceMarker, hostMarker]) {
    const value = host[name]
    if (value) variables[name] = value
  }
  return variables
}

function inherited(host: EnvironmentParts['host'], allowed: readonly string[]): Variables {
  const names = new Set(allowed.filter((pattern) => !pattern.endsWith('*')))
  const prefixes = allowed
    .filter((pattern) => pattern.endsWith('*'))
    .map((pattern) => pattern.slice(0, -1))
  const variables: Variables = {}
  for (const [name, value] of Object.entries(host)) {
    if (value === undefined || name.startsWith('ALCOVE_')) continue
    // It changes what Node.js does, and the host's has paths and flags that are meant for the host alone.
    const byPrefix = name !== 'NODE_OPTIONS' && prefixes.some((prefix) => name.startsWith(prefix))
    if (names.has(name) || byPrefix) variables[name] = value
  }
  return variables
}

/** What has Node.js load a file ahead of its program; in NODE_OPTIONS, in the order of the flags. */
export const requireFlag = (path: string): string => `--require=${quoteNodeOption(path)}`

/** https://nodejs.org/api/cli.html#node_optionsoptions: a value with spaces is quoted, `"` and `\` in it are escaped. */
function quoteNodeOption(value: string): string {
  // Unquoted where possible: programs that split NODE_OPTIONS themselves seldom know the rule.
  return /[\s"\\]/.test(value) ? `"${value.replace(/["\\]/g, '\\$&')}"` : value
}

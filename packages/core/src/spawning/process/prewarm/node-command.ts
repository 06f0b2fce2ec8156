import { basename } from 'node:path'
import { quote } from '../../../errors.js'

/** A command that has Node.js run a file. */
export interface NodeCommand {
  /** As it is written: `node`, or a path. */
  readonly node: string
  readonly flags: readonly string[]
  /** The program's file. */
  readonly entry: string
  readonly args: readonly string[]
}

/** What names Node.js: `node`, `nodejs`, `node22`, `/opt/node/bin/node-24.1`. */
export const isNodeName = (path: string): boolean =>
  /^node(?:js)?(?:-?v?\d[\d.]*)?$/.test(basename(path))

/** Flags whose value may be an argument of its own: https://nodejs.org/api/cli.html */
const withValue = new Set(['-r', '--require', '--import', '-C', '--conditions'])
/** With these Node.js does something else than to run a file in this very process. */
const otherWork =
  /^(?:-(?:[ecivh]|p|pe)?|--(?:eval|print|check|interactive|version|help|run|test|watch|watch-path|entry-url|input-type|build-snapshot|build-sea|prof-process|v8-options|completion-bash))(?:=|$)/
/** What Node.js does for these it does as the process is started: in the wrong folder, with the wrong variables, or once for each. */
const readAtStart =
  /^--(?:env-file|env-file-if-exists|loader|experimental-loader|permission|experimental-permission|inspect|inspect-brk|inspect-wait|inspect-port|debug-port|cpu-prof|heap-prof|snapshot-blob|localstorage-file|experimental-config-file|experimental-default-config-file)(?:=|$)/

/** Reads a command that can be prewarmed; a text says why this one can't. */
export function readNodeCommand(command: readonly string[]): NodeCommand | string {
  const [node = '', ...rest] = command
  if (!isNodeName(node)) {
    return `${quote(node)} is not Node.js; begin with "node" and name the program's file (what \`npm run\` starts, not npm)`
  }
  const flags: string[] = []
  while (rest[0]?.startsWith('-')) {
    const flag = rest.shift() ?? ''
    if (flag === '--') break
    const reason = whyNotWith(flag)
    if (reason) return reason
    flags.push(flag)
    if (withValue.has(flag) && rest.length > 0) flags.push(rest.shift() ?? '')
  }
  const [entry, ...args] = rest
  if (entry === undefined) return 'it names no program for Node.js to run'
  if (entry === 'inspect' || entry === 'debug') return `"node ${entry}" starts a debugger`
  return { node, flags, entry, args }
}

/** Whether one of the flags in NODE_OPTIONS is in the way. */
export function whyNotWithOptions(options: string | undefined): string | undefined {
  for (const flag of (options ?? '').split(/\s+/)) {
    const reason = whyNotWith(flag)
    if (flag.startsWith('-') && reason) return reason
  }
  return undefined
}

function whyNotWith(flag: string): string | undefined {
  // Node.js takes either in a name.
  const name = flag.replace(/=.*/s, '').replaceAll('_', '-')
  if (otherWork.test(name)) return `with ${quote(name)} Node.js does not simply run a file`
  if (readAtStart.test(name)) {
    return `what ${quote(name)} says is read as the process is started, before it is known for which environment`
  }
  return undefined
}

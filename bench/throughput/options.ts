import { parseArgs } from 'node:util'
import { type GatewayName, gatewayNames } from '../gateways/index.ts'
import { type UpstreamName, upstreams } from '../load/upstream.ts'
import type { Section } from './section.ts'

/** What was asked for on the command line. */
export interface Options {
  readonly rounds: number
  readonly isQuick: boolean
  readonly idleSeconds: number
  readonly sections: readonly Section[]
  readonly gateways: readonly GatewayName[]
  readonly upstream: UpstreamName
}

const fullRounds = 40
const quickRounds = 2
/** Pools that are idle are looked for every 10 seconds, and closed the second time. */
const defaultIdleSeconds = 22

export const usage = (sections: readonly Section[]): string => `
  --rounds <number>    slices of a second for each row; from ${fullRounds} on, targets are judged (${fullRounds})
  --quick              ${quickRounds} rounds, and less of the rest: whether it works, not how fast it is
  --idle-seconds <n>   how long environments are left alone before they count as idle (${defaultIdleSeconds})
  --only <name,...>    some sections: ${sections.map(({ name }) => name).join(', ')}
  --gateways <name,...>  some gateways: ${gatewayNames.join(', ')}
  --upstream <name>    what is forwarded to: ${Object.keys(upstreams).join(', ')} (node)`

/** The options, or what is wrong with them. */
export function readOptions(all: readonly Section[]): Options | string {
  const { values } = parseArgs({
    options: {
      rounds: { type: 'string' },
      quick: { type: 'boolean', default: false },
      'idle-seconds': { type: 'string', default: String(defaultIdleSeconds) },
      only: { type: 'string' },
      gateways: { type: 'string' },
      upstream: { type: 'string', default: 'node' },
    },
  })
  const rounds = Number(values.rounds ?? (values.quick ? quickRounds : fullRounds))
  if (!Number.isInteger(rounds) || rounds < 1) {
    return `Expected --rounds to be a whole number from 1 on, got "${values.rounds}".`
  }
  const idleSeconds = Number(values['idle-seconds'])
  if (!(idleSeconds > 0)) {
    return `Expected --idle-seconds to be a positive number, got "${values['idle-seconds']}".`
  }
  const sections = some(values.only, all, ({ name }) => name)
  const gateways = some(values.gateways, gatewayNames, (name) => name)
  if (typeof sections === 'string') return `There is no section "${sections}" for --only.`
  if (typeof gateways === 'string') return `There is no gateway "${gateways}" for --gateways.`
  const { upstream } = values
  if (!isUpstream(upstream)) return `There is no upstream "${upstream}" for --upstream.`
  return { rounds, isQuick: values.quick, upstream, idleSeconds, sections, gateways }
}

/** Those that are named in a list, or the name that none has. */
function some<Value>(
  list: string | undefined,
  all: readonly Value[],
  nameOf: (value: Value) => string,
): readonly Value[] | string {
  if (list === undefined) return all
  const names = list.split(',')
  const unknown = names.find((name) => !all.some((value) => nameOf(value) === name))
  return unknown ?? all.filter((value) => names.includes(nameOf(value)))
}

/** From how many rounds on an interval is narrow enough to judge by. */
export const judgedRounds = fullRounds

function isUpstream(name: string): name is UpstreamName {
  return Object.hasOwn(upstreams, name)
}

import type { FloodLetter } from './floods/index.ts'
import type { GatewayName } from './gateways.ts'

/** What is measured in one go, again in each round. */
export interface Phase {
  readonly name: PhaseName
  /** Through which the flood goes. */
  readonly gateway: GatewayName
  readonly flood: 'none' | 'the flood' | 'for capacity'
  /** How the quiet one is asked. */
  readonly quiet: 'through the gateway' | 'directly'
}

export type PhaseName =
  | 'alone'
  | 'floor'
  | GatewayName
  | `${Exclude<GatewayName, 'Alcove, limits off'>}, capacity`

const through = (name: GatewayName): Phase => ({
  name,
  gateway: name,
  flood: 'the flood',
  quiet: 'through the gateway',
})

const capacity = (gateway: 'Alcove' | 'http-proxy' | 'nginx'): Phase => ({
  name: `${gateway}, capacity`,
  gateway,
  flood: 'for capacity',
  quiet: 'through the gateway',
})

const always: readonly Phase[] = [
  { name: 'alone', gateway: 'Alcove', flood: 'none', quiet: 'through the gateway' },
  // Under the same flood as Alcove is, so that all but the gateway is as busy.
  { name: 'floor', gateway: 'Alcove', flood: 'the flood', quiet: 'directly' },
  through('Alcove'),
  through('http-proxy'),
  through('nginx'),
]

/** The phases of a round in the order in which they may come: first those that others depend on, then the rest in any order. */
export interface Plan {
  readonly first: readonly Phase[]
  readonly rest: readonly Phase[]
}

export function planFor(letter: FloodLetter): Plan {
  switch (letter) {
    case 'a':
    case 'b':
      return { first: [], rest: [...always, through('Alcove, limits off')] }
    case 'c':
      return {
        first: [capacity('Alcove'), capacity('http-proxy'), capacity('nginx')],
        rest: always,
      }
    case 'd':
    case 'e':
      return { first: [], rest: always }
  }
}

/** How much is measured. */
export interface Extent {
  readonly rounds: number
  /** Of the quiet one in each phase of a round. */
  readonly samples: number
}

const samplesEach = 5000

/**
 * At least 5,000 in all. Slow clients are cut after seconds, if at all: to see that, their phases are few and long.
 */
export function extentFor(letter: FloodLetter, rounds: number, isQuick: boolean): Extent {
  if (isQuick) return { rounds: 2, samples: 400 }
  const its = letter === 'e' ? Math.max(2, Math.round(rounds / 2)) : rounds
  return { rounds: its, samples: Math.ceil(samplesEach / its) }
}

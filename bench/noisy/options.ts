import { parseArgs } from 'node:util'
import { type FloodLetter, floodLetters } from './floods/index.ts'

/** What is asked for on the command line. */
export interface NoisyOptions {
  readonly letters: readonly FloodLetter[]
  readonly rounds: number
  readonly quietPerSecond: number
  readonly isQuick: boolean
}

/** @throws {@link RangeError} on what makes no sense, or another error on what is unknown */
export function parseOptions(words: readonly string[]): NoisyOptions {
  const { values } = parseArgs({
    args: [...words],
    options: {
      flood: { type: 'string', multiple: true, default: [...floodLetters] },
      rounds: { type: 'string', default: '6' },
      rate: { type: 'string', default: '250' },
      quick: { type: 'boolean', default: false },
    },
  })
  return {
    letters: values.flood.map(letterOf),
    rounds: wholeNumber('--rounds', values.rounds, 2, 50),
    quietPerSecond: wholeNumber('--rate', values.rate, 100, 500),
    isQuick: values.quick,
  }
}

function letterOf(word: string): FloodLetter {
  const letter = floodLetters.find((its) => its === word)
  if (letter !== undefined) return letter
  throw new RangeError(`Expected --flood to be one of ${floodLetters.join(', ')}, got "${word}".`)
}

function wholeNumber(name: string, word: string, least: number, most: number): number {
  const number = Number(word)
  if (Number.isInteger(number) && number >= least && number <= most) return number
  throw new RangeError(
    `Expected ${name} to be a whole number from ${least} to ${most}, got "${word}".`,
  )
}

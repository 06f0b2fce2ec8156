import { styleText } from 'node:util'
import type { EnvironmentManager, State, Transition } from '@alcove/core'

type Colour = 'cyan' | 'dim' | 'green' | 'red' | 'yellow'

const colours: Readonly<Partial<Record<State, Colour>>> = {
  starting: 'cyan',
  ready: 'green',
  unready: 'yellow',
  stopped: 'dim',
  failed: 'red',
}

/** Tells what happens to environments, and why, as it happens. */
export function printEvents(
  manager: EnvironmentManager,
  print: (line: string) => void = console.log,
): void {
  manager.on('transition', (change) => {
    const colour = colours[change.to]
    // The others last for a moment, and one of these follows.
    if (colour !== undefined) print(line(change, colour))
  })
  manager.on('problem', (problem) => print(`  ${styleText('red', problem.message)}`))
}

function line({ id, to, reason, atMs }: Transition, colour: Colour): string {
  const time = new Date(atMs).toTimeString().slice(0, 8)
  const what = reason.startsWith(to) ? reason : `${to}: ${reason}`
  return `  ${styleText('dim', time)}  ${id.padEnd(7)}  ${styleText(colour, what)}`
}

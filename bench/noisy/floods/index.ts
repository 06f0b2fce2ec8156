import { burners, flooded } from '../environments.ts'
import { startClosedLoop } from './closed-loop.ts'
import type { RunningFlood } from './flood.ts'
import { startOpenLoop } from './open-loop.ts'
import { startSlow } from './slow.ts'
import { together } from './together.ts'

export const floodLetters = ['a', 'b', 'c', 'd', 'e'] as const
export type FloodLetter = (typeof floodLetters)[number]

/** A way to make trouble. */
export interface FloodKind {
  readonly letter: FloodLetter
  readonly what: string
  /** How long it runs before anything is measured. */
  readonly settleMs: number
  /** Whether it goes on so slowly that normal requests to the same environment are expected to be answered beside it. */
  readonly isSlow?: boolean
  /**
   * Starts it, and resolves when it has begun.
   *
   * @param capacity - 2xx answers a second that this gateway has given to {@link capacityFlood}.
   */
  start(gatewayPort: number, capacity: number): Promise<RunningFlood>
}

/** Times the capacity: enough to be above 1.5 also where the capacity was measured in a slow moment. */
const overload = 1.7
const cheap = (connections: number) => async (port: number) =>
  startClosedLoop(port, flooded, { connections })

/** What a gateway's capacity is measured with. */
export const capacityFlood: Pick<FloodKind, 'settleMs' | 'isSlow' | 'start'> = {
  settleMs: 2500,
  start: cheap(256),
}

export const floods: readonly FloodKind[] = [
  {
    letter: 'a',
    what: '256 closed-loop connections',
    settleMs: 2500,
    start: cheap(256),
  },
  {
    letter: 'b',
    what: '2,000 closed-loop connections',
    // A gateway in Node.js takes a while to accept them all.
    settleMs: 2500,
    start: cheap(2000),
  },
  {
    letter: 'c',
    what: 'open loop from 1,000 connections',
    settleMs: 2500,
    start: (port, capacity) =>
      startOpenLoop(port, flooded, { connections: 1000, perSecond: overload * capacity }),
  },
  {
    letter: 'd',
    what: 'four environments that burn CPU',
    settleMs: 2500,
    start: async (port) =>
      together(
        burners.map((name) => startClosedLoop(port, name, { connections: 16, path: '/burn' })),
      ),
  },
  {
    letter: 'e',
    what: '250 slow uploads and 250 slow readers',
    isSlow: true,
    settleMs: 2500,
    start: (port) => startSlow(port, flooded, { uploads: 250, readers: 250 }),
  },
]

import { type FloodCounts, type RunningFlood, sum } from './flood.ts'

/** Several floods as one. */
export function together(floods: readonly RunningFlood[]): RunningFlood {
  return {
    async stop() {
      const counts = await Promise.all(floods.map((flood) => flood.stop()))
      return {
        seconds: Math.max(...counts.map(({ seconds }) => seconds)),
        ok: sum(counts, 'ok'),
        refused: sum(counts, 'refused'),
        cut: sum(counts, 'cut'),
      } satisfies FloodCounts
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(floods.map((flood) => flood[Symbol.asyncDispose]()))
    },
  }
}

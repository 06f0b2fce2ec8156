import type { Peer } from './peers/peer.ts'
import { type Outcome, type Setting, runCase, settingsOf } from './run-case.ts'
import type { Case, Section, Subject } from './subject.ts'

/** A proxy that is compared: Alcove where it is mounted, or a peer. */
export type Contestant = Subject & Partial<Pick<Peer, 'version' | 'without' | 'prepare' | 'end'>>

/** What came of one case in one setting. */
export interface Result extends Setting {
  readonly section: Section
  readonly case: string
  /** Why a contestant that does otherwise is right as well. */
  readonly optional: string | undefined
  readonly outcome: Outcome
  readonly tookMs: number
}

/** What came of all cases that a contestant was asked. */
export interface Score {
  readonly name: string
  readonly version: string | undefined
  /** Why it was asked nothing. */
  readonly missing: string | undefined
  /** Sections that it was not asked, and why. */
  readonly without: Contestant['without']
  readonly results: readonly Result[]
}

/** How a comparison is run. */
export interface CompareOptions {
  /** How many cases run at a time. Most of them wait most of the time. */
  readonly parallel: number
  /** A case is over. */
  onCase?(done: number, of: number): void
  /** All cases of a contestant are over. */
  onScore?(score: Score): void
}

/** Runs the cases against the contestants, one after the other. Never rejects because of a contestant. */
export async function compare(
  contestants: readonly Contestant[],
  cases: readonly Case[],
  { parallel, onCase, onScore }: CompareOptions,
): Promise<readonly Score[]> {
  const rounds = contestants.map((contestant) => new Round(contestant, cases, parallel))
  const tasks = rounds.flatMap((round) => round.tasks)
  let begun = 0
  let done = 0
  const work = async (): Promise<void> => {
    for (let task = tasks[begun]; task; task = tasks[begun]) {
      begun += 1
      const score = await task()
      done += 1
      onCase?.(done, tasks.length)
      if (score) onScore?.(score)
    }
  }
  await Promise.all(Array.from({ length: parallel }, work))
  return rounds.map(({ score }) => score)
}

/** All cases of one contestant. */
class Round {
  /** Each gives the score once it was the last to end. */
  readonly tasks: readonly (() => Promise<Score | undefined>)[]
  readonly #contestant: Contestant
  readonly #missing: string | undefined
  readonly #results: Result[] = []

  constructor(contestant: Contestant, cases: readonly Case[], parallel: number) {
    this.#contestant = contestant
    this.#missing = contestant.missing()
    const asked =
      this.#missing === undefined
        ? cases.filter(({ section }) => contestant.without?.[section] === undefined)
        : []
    const settings = asked.flatMap((row) =>
      settingsOf(contestant, row)
        // What is in front and what is behind have nothing to do with each other.
        .filter(({ front, target }) => front === 'http1' || target === 'tcp')
        .map((setting) => ({ row, setting })),
    )
    let prepared: Promise<void> | undefined
    this.tasks = settings.map(({ row, setting }, place) => async () => {
      prepared ??= contestant.prepare?.(Math.min(parallel, settings.length))
      await prepared
      const begun = performance.now()
      const outcome = await runCase(contestant, setting.front, setting.target, row)
      this.#results[place] = {
        ...setting,
        section: row.section,
        case: row.name,
        optional: row.optional,
        outcome,
        tookMs: Math.round(performance.now() - begun),
      }
      if (Object.keys(this.#results).length < settings.length) return undefined
      await contestant.end?.()
      return this.score
    })
  }

  get score(): Score {
    const { name, version, without } = this.#contestant
    const missing = this.#missing
    return { name, version: version?.(), missing, without, results: this.#results }
  }
}

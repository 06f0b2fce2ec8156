import { ProcessWatch } from './process-watch.ts'
import type { Ledger } from './record.ts'
import type { Scenario, Visit } from './scenario.ts'
import { forgetStamps } from './stamp.ts'
import { Stage } from './stage.ts'
import { type Counts, TimerWatch, grown, listeners, resources } from './traces.ts'
import { turn } from './turns.ts'
import { UpstreamWatch } from './upstream-watch.ts'
import { verdict } from './verdict.ts'
import { probe } from './probe.ts'

/** How long nothing may happen before a run counts as stuck, and how long what is over may take to go. */
const patienceMs = 2000

/** Plays a scenario on a gateway of its own. @returns what was wrong */
export async function run(scenario: Scenario): Promise<readonly string[]> {
  forgetStamps()
  using watch = new ProcessWatch()
  using upstream = new UpstreamWatch()
  using timers = new TimerWatch()
  const before = { resources: resources(), process: listeners(process) }
  const stage = await Stage.open(scenario.front)
  const { ledger } = stage
  try {
    await playProbe(stage, 98, 'Before all else')
    await allGone(stage, upstream)
    const baseline = standing(stage, timers)
    await playAll(stage, scenario)
    await until(ledger, () => inUse(stage, upstream))
    await allGone(stage, upstream)
    await until(ledger, () => risen(baseline, standing(stage, timers)))
    await playProbe(stage, 99, 'Afterwards')
  } finally {
    await stage.close()
  }
  await until(ledger, () => [
    ...grown('Left in the process', before.resources, resources()),
    ...grown('Listeners of the process', before.process, listeners(process)),
  ])
  return [...watch.seen, ...ledger.violations]
}

async function playAll(stage: Stage, scenario: Scenario): Promise<void> {
  let open: Promise<void>[] = []
  for (const [index, visit] of scenario.visits.entries()) {
    if (visit.afterOthers) {
      await watchOver(stage.ledger, open)
      open = []
    }
    open.push(playVisit(stage, scenario, visit, index))
  }
  await watchOver(stage.ledger, open)
}

async function playVisit(
  stage: Stage,
  scenario: Scenario,
  visit: Visit,
  index: number,
): Promise<void> {
  const records = await stage.play(visit, index)
  for (const i of records.keys()) {
    const wrong = verdict(scenario, visit, records, i)
    if (wrong !== undefined) stage.ledger.violated(wrong)
  }
}

/** Each environment answers as ever, over connections of its own. */
async function playProbe(stage: Stage, index: number, when: string): Promise<void> {
  const { ledger, front } = stage
  const already = ledger.violations.length
  await watchOver(ledger, [playVisit(stage, { front, visits: [] }, probe, index)])
  if (ledger.violations.length > already) ledger.violated(`${when}, a plain request went wrong`)
}

/** Waits for visits, as long as anything happens in them. */
async function watchOver(ledger: Ledger, visits: readonly Promise<void>[]): Promise<void> {
  let seen = -1
  let idleTicks = 0
  let timer: NodeJS.Timeout | undefined
  const stuck = new Promise<void>((resolve) => {
    // In ticks, so that a machine that stands still is not taken for a gateway that does.
    timer = setInterval(() => {
      idleTicks = ledger.progress === seen ? idleTicks + 1 : 0
      seen = ledger.progress
      if (idleTicks < 4) return
      ledger.violated(`Nothing has happened for ${patienceMs} ms, and it is not over`)
      resolve()
    }, patienceMs / 4)
  })
  await Promise.race([Promise.all(visits), stuck])
  clearInterval(timer)
}

/** Ends all connections, and waits until the gateway has done so too. */
async function allGone(stage: Stage, upstream: UpstreamWatch): Promise<void> {
  stage.hangUp()
  await until(stage.ledger, () => [
    ...some('connections of clients are open', stage.frontSockets.size),
    ...some('connections to environments are open', upstream.sockets.size),
  ])
}

function inUse(stage: Stage, upstream: UpstreamWatch): string[] {
  return [
    ...some('leases are held', stage.leases),
    ...some('requests have not been dealt with by the gateway', stage.handling),
    ...some('requests to environments are under way', upstream.requests.size),
  ]
}

function some(what: string, count: number): string[] {
  return count === 0 ? [] : [`Though all clients are done or gone, ${count} ${what}`]
}

interface Standing {
  readonly resources: Counts
  readonly timers: Counts
  readonly server: Counts
}

function standing(stage: Stage, timers: TimerWatch): Standing {
  return { resources: resources(), timers: timers.left, server: listeners(stage.server) }
}

function risen(before: Standing, after: Standing): string[] {
  return [
    ...grown('Left after all', before.resources, after.resources),
    ...grown('Timers left', before.timers, after.timers),
    ...grown('Listeners of the server', before.server, after.server),
  ]
}

/** Waits until nothing is wrong any more, and writes down what is after too long. */
async function until(ledger: Ledger, wrong: () => readonly string[]): Promise<void> {
  const deadline = performance.now() + patienceMs
  while (wrong().length > 0) {
    if (performance.now() > deadline) {
      for (const what of wrong()) ledger.violated(what)
      return
    }
    await turn()
  }
}

import type { AlcoveError } from '../../errors.js'
import { manualClock } from '../../testing/manual-clock.js'
import { Admission } from '../admission.js'
import type { GivesUp } from '../held.js'
import { Line } from '../line.js'
import type { LoopLoad } from '../load.js'
import type { EnvironmentLoad } from '../load-report.js'
import { type AdmissionOptions, resolveAdmissionOptions } from '../options.js'
import type { Place } from '../place.js'
import type { Transfer } from '../transfer.js'
import type { Waiter } from '../waiter.js'

/** A body that passes as the test says. */
export class Body implements Transfer {
  bodyBytes = 0
  waitsForClient = false
  /** What it was cut with. */
  error: AlcoveError | undefined

  constructor(private readonly place: Place) {
    place.opened(this)
  }

  cut(error: AlcoveError): void {
    this.error = error
    this.place.release()
  }
}

/** A request, and how far it has come. */
export class Visit {
  place: Place | undefined
  error: AlcoveError | undefined
  waiter: Waiter | undefined

  constructor(
    readonly line: Line,
    private readonly admission: Admission,
  ) {}

  /** The body of a request that was let in is open. */
  open(waitsForClient = false): Body {
    if (!this.place) throw new Error('It was not let in')
    const body = new Body(this.place)
    body.waitsForClient = waitsForClient
    return body
  }

  end(): void {
    this.waiter?.leave()
    this.place?.release()
    this.admission.depart(this.line)
  }
}

/** An admission whose time, turns and load are the test's. */
export class AdmissionScene {
  readonly clock = manualClock()
  readonly loopClock = manualClock()
  readonly admission: Admission
  /** The names of those who were let in, in that order. */
  readonly letIn: string[] = []
  /** What the next sample finds. */
  loop: LoopLoad = { lagMs: 0, utilisation: 0.9 }
  /** How many meters were made. */
  meters = 0
  #deferred: (() => void)[] = []

  constructor(options: AdmissionOptions = {}) {
    this.admission = new Admission(options, this.clock, {
      clock: this.loopClock,
      defer: (then) => void this.#deferred.push(then),
      newMeter: () => {
        this.meters += 1
        return () => this.loop
      },
    })
  }

  /** A request comes, and enters or waits; where it is turned away at once, the visit has the error. */
  ask(id: string, how: { streams?: boolean; bytes?: number; name?: string } = {}): Visit {
    const { streams = false, bytes = 0, name = id } = how
    const visit = new Visit(this.admission.arrive(id), this.admission)
    const letIn = (place: Place): void => {
      visit.place = place
      this.letIn.push(name)
    }
    const refuse = (error: unknown): void => {
      visit.error = error as AlcoveError
    }
    try {
      const place = this.admission.enter(visit.line, streams)
      if (place) {
        letIn(place)
        return visit
      }
      visit.waiter = this.admission.queue(visit.line, streams, bytes, {
        admitted: letIn,
        turnedAway: refuse,
      })
    } catch (error) {
      refuse(error)
    }
    return visit
  }

  askTimes(times: number, id: string): Visit[] {
    return Array.from({ length: times }, () => this.ask(id))
  }

  /** Requests come that nothing becomes of. */
  passBy(id: string, times: number): Line {
    let line = this.admission.arrive(id)
    for (let time = 1; time < times; time += 1) line = this.admission.arrive(id)
    for (let time = 0; time < times; time += 1) this.admission.depart(line)
    return line
  }

  /** Time goes by, and promises are told. */
  pass(ms = 0): Promise<void> {
    this.clock.advanceSync(ms)
    return this.clock.advance(0)
  }

  /** The next turn of the loop. */
  turn(): Promise<void> {
    const deferred = this.#deferred
    this.#deferred = []
    for (const then of deferred) then()
    return this.pass()
  }

  /** A look at the load, with such a lag. */
  sample(lagMs = 0, utilisation = 0.9): void {
    this.loop = { lagMs, utilisation }
    this.loopClock.advanceSync(100)
  }

  loadOf(id: string): EnvironmentLoad | undefined {
    return this.admission.report().environments.find((environment) => environment.id === id)
  }
}

/** A request that is let in, and whose body is open. */
export function opened(
  scene: AdmissionScene,
  waitsForClient = false,
): { visit: Visit; body: Body } {
  const visit = scene.ask('a')
  return { visit, body: visit.open(waitsForClient) }
}

/** A line of its own, without an admission. */
export function lineOf(id: string, options: AdmissionOptions = {}): Line {
  return new Line(id, resolveAdmissionOptions(options).limitsFor(id))
}

/** Whoever is not to be turned away. */
export const staying: GivesUp = { turnAway() {} }

/** What `act` throws. */
export function thrownBy(act: () => unknown): unknown {
  try {
    act()
  } catch (error) {
    return error
  }
  throw new Error('It throws nothing')
}

import { OpenScene } from './scene.ts'
import type { Case, Front, RunningSubject, Subject, Target } from './subject.ts'
import { Environment } from './wire/environment.ts'

/** What came of a case. */
export type Outcome =
  | { readonly is: 'passed' }
  /** `reason`: one line. */
  | { readonly is: 'failed' | 'crashed'; readonly reason: string }

/** Where a case is run. */
export interface Setting {
  readonly front: Front
  readonly target: Target['kind']
}

/** A proxy that hangs has failed. */
const caseMs = 8000
/** What does not end in time is left behind: it is the proxy's fault, and not the next case's. */
const closeMs = 3000

/** All settings that a proxy and a case have in common. */
export function settingsOf(subject: Subject, { fronts, targets }: Case): Setting[] {
  return subject.fronts
    .filter((front) => fronts.includes(front))
    .flatMap((front) =>
      subject.targets
        .filter((target) => targets === undefined || targets.includes(target))
        .map((target) => ({ front, target })),
    )
}

/** Runs one case against a fresh proxy before a fresh environment. Never rejects. */
export async function runCase(
  subject: Subject,
  front: Front,
  target: Target['kind'],
  { run, settings = {} }: Case,
): Promise<Outcome> {
  const environment = await Environment.listen(target)
  let running: RunningSubject | undefined
  let scene: OpenScene | undefined
  let failure: string | undefined
  try {
    running = await inTime(subject.listen(front, environment.target, settings), caseMs)
    scene = new OpenScene(front, running, environment)
    await inTime(run(scene), caseMs)
  } catch (error) {
    failure = sentence(error)
  }
  scene?.close()
  let crash = running?.crashed()
  await inTime(Promise.all([running?.close(), environment.close()]), closeMs).catch(
    (error: unknown) => {
      failure ??= `It could not be closed: ${sentence(error)}`
    },
  )
  crash ??= running?.crashed()
  if (crash !== undefined) return { is: 'crashed', reason: crash }
  return failure === undefined ? { is: 'passed' } : { is: 'failed', reason: failure }
}

function inTime<T>(work: Promise<T>, ms: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`It took more than ${ms} ms`)), ms)
  })
  return Promise.race([work, late]).finally(() => clearTimeout(timer))
}

/** An error in one line. */
function sentence(error: unknown): string {
  const { message } = error instanceof Error ? error : new Error(String(error))
  return message.replace(/\s+/g, ' ').trim().slice(0, 400)
}

import type { Section, Subject } from '../subject.ts'

/** Another proxy that the cases are run against, set up as its own documentation recommends. */
export interface Peer extends Subject {
  /** As it is installed here; `undefined` where it is not. */
  version(): string | undefined
  /** What it does not set out to do, and why: cases of these sections are not asked. */
  readonly without?: Partial<Readonly<Record<Section, string>>>
  /** Starts what takes long to start, for this many cases at a time: a case has its time limit. */
  prepare?(parallel: number): Promise<void>
  /** Ends what it keeps running from case to case. It can be used again afterwards. Idempotent. */
  end(): Promise<void>
}

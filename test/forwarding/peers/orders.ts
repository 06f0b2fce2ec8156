import type { Front, Settings, Target } from '../subject.ts'

/** How a proxy is to listen. */
export interface Setup {
  readonly front: Front
  readonly target: Target
  readonly settings: Settings
}

/** What a program of `programs/` is told, one after the other. */
export type Order = { readonly listen: Setup } | { readonly close: true }

/** What it answers. */
export type Report = { readonly port: number } | { readonly closed: true }

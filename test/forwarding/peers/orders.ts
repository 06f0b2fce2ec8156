import type { Front, Settings, Target } from '../subject.ts'

/** How a proxy is to listen. */
export interface Setup {
  readonly front: Front
  readonly target: Target
  readonly settings: Settings
}

/** What a program of `programs/` is told, one after the other. */
export type Order = { readonly listen: Setup } | { readonly close: true }

/** What it says when it takes orders, and to each of them when it is carried out. */
export type Report =
  | { readonly ready: true }
  | { readonly port: number }
  | { readonly closed: true }

import type { Case } from '../subject.ts'
import { hopByHop } from './headers/hop-by-hop.ts'

/** What is right in forwarding, situation by situation. */
export const cases: readonly Case[] = [...hopByHop]

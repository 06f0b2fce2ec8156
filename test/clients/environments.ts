import { fileURLToPath } from 'node:url'
import type { EnvironmentManager, ListenMode, Spec, SpecFor } from '@alcove/core'
import { vi } from 'vitest'
import { Feed } from './feed.ts'

/** A program of this folder's `programs/`, by its URL, as an environment; its argument is the id. */
export function programAt(url: URL, listen: ListenMode = 'socket'): Spec {
  return { run: { command: [process.execPath, fileURLToPath(url), '{id}'], listen } }
}

/** Options of a gateway where every name is an environment with that program. */
export function every(spec: Spec): { readonly specFor: SpecFor } {
  return { specFor: () => spec }
}

/** The lines that environments print from now on. */
export function printedBy(manager: EnvironmentManager): Feed<{ id: string; text: string }> {
  const lines = new Feed<{ id: string; text: string }>()
  manager.on('log', ({ id, text }) => lines.push({ id, text }))
  return lines
}

/** Changes of state, as `pr-1#1 ready`. */
export function changesOf(manager: EnvironmentManager): Feed<string> {
  const changes = new Feed<string>()
  manager.on('transition', ({ id, generation, to }) => changes.push(`${id}#${generation} ${to}`))
  return changes
}

/** Until nobody uses the environment, or waits for it. */
export async function unused(manager: EnvironmentManager, id: string): Promise<void> {
  // Nobody is told about single leases.
  await vi.waitFor(
    () => {
      const { leases } = manager.explain(id)
      const held = Object.entries(leases).filter(([, count]) => count > 0)
      if (held.length > 0) throw new Error(`Environment "${id}" is in use: ${String(held)}`)
    },
    // An upload that nobody wants is read for 5 s, where its client does not leave.
    { timeout: 8000, interval: 5 },
  )
}

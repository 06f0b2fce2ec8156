import { loadCore } from '../cores.ts'
import { NodeProgram } from '../node-program.ts'
import type { FloodCounts, RunningFlood } from './flood.ts'

/** Slow uploads and slow readers, which hold what they have taken. */
export async function startSlow(
  port: number,
  environment: string,
  { uploads, readers }: { readonly uploads: number; readonly readers: number },
): Promise<RunningFlood> {
  const words = [port, environment, uploads, readers]
  const [program] = await NodeProgram.start<'ready'>('slow-clients', words, { core: loadCore })
  return {
    async stop() {
      const counts = await program.ask<FloodCounts>('stop')
      await program.end()
      return counts
    },
    [Symbol.asyncDispose]: () => program.end(),
  }
}

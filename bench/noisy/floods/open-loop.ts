import { loadCore } from '../cores.ts'
import { NodeProgram } from '../node-program.ts'
import type { FloodCounts, RunningFlood } from './flood.ts'

/** Requests on a schedule, from connections that do not wait for answers. */
export async function startOpenLoop(
  port: number,
  environment: string,
  { connections, perSecond }: { readonly connections: number; readonly perSecond: number },
): Promise<RunningFlood> {
  const words = [port, environment, connections, Math.round(perSecond)]
  const [program] = await NodeProgram.start<'ready'>('open-loop-flood', words, { core: loadCore })
  program.tell('go')
  return {
    async stop() {
      const counts = await program.ask<FloodCounts>('stop')
      await program.end()
      return counts
    },
    [Symbol.asyncDispose]: () => program.end(),
  }
}

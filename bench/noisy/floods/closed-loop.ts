import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { end, startPinned } from '../../gateways/pinned-process.ts'
import { loadCore } from '../cores.ts'
import { environmentField } from '../programs/routes.ts'
import { type FloodCounts, mostSeconds, type RunningFlood } from './flood.ts'
import { wrkCounts } from './wrk-counts.ts'

/** wrk: each connection asks again as soon as it is answered. */
export function startClosedLoop(
  port: number,
  environment: string,
  { connections, path = '/' }: { readonly connections: number; readonly path?: string },
): RunningFlood {
  const words = ['-t1', `-c${connections}`, `-d${mostSeconds}s`, '--timeout', `${mostSeconds}s`]
  const field = ['-H', `${environmentField}: ${environment}`]
  const child = startPinned('wrk', [...words, ...field, `http://127.0.0.1:${port}${path}`], {
    core: loadCore,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const said = child.stdout ? text(child.stdout) : Promise.resolve('')
  const exited = once(child, 'exit')
  const finish = async (): Promise<FloodCounts> => {
    // It counts until it is interrupted, and tells then.
    child.kill('SIGINT')
    await exited
    return wrkCounts(await said)
  }
  return { stop: finish, [Symbol.asyncDispose]: () => end(child) }
}

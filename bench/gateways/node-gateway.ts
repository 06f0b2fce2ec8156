import type { ChildProcess, StdioOptions } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { GatewaySetup, Order, Report, RunningGateway } from './gateway.ts'
import { end, startPinned } from './pinned-process.ts'

/** Starts a program of `programs/`, and resolves when it listens. @throws where it exits before */
export async function startNodeGateway(
  name: string,
  { core, ...setup }: GatewaySetup,
): Promise<RunningGateway> {
  const file = join(import.meta.dirname, 'programs', `${name}.ts`)
  const words = ['--no-warnings', '--expose-gc', file, JSON.stringify(setup)]
  const stdio: StdioOptions = ['ignore', 'inherit', 'inherit', 'ipc']
  const child = startPinned(process.execPath, words, { core, stdio })
  try {
    const report = await nextReport(name, child)
    if (!('port' in report)) throw new Error(`${name} said something else than its port`)
    return running(name, child, report.port)
  } catch (error) {
    await end(child)
    throw error
  }
}

function running(name: string, child: ChildProcess, port: number): RunningGateway {
  const close = (): Promise<void> => end(child)
  return {
    name,
    port,
    pid: child.pid ?? 0,
    async heapBytes() {
      const order: Order = 'heap'
      child.send(order)
      const report = await nextReport(name, child)
      return 'heapBytes' in report ? report.heapBytes : undefined
    },
    close,
    [Symbol.asyncDispose]: close,
  }
}

async function nextReport(name: string, child: ChildProcess): Promise<Report> {
  const either = new AbortController()
  try {
    return await Promise.race([
      once(child, 'message', { signal: either.signal }).then(([report]) => report as Report),
      once(child, 'exit', { signal: either.signal }).then(([code, signal]) => {
        throw new Error(`${name} exited with ${String(signal ?? code)}`)
      }),
    ])
  } finally {
    either.abort()
  }
}

import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { end, startPinned } from '../gateways/pinned-process.ts'
import type { Upstream } from './upstream.ts'

/** Starts node:http as an upstream, which takes WebSockets too. */
export async function startNodeUpstream(core: number): Promise<Upstream> {
  const folder = mkdtempSync(join(tmpdir(), 'alcove-bench-'))
  const remove = (): void => rmSync(folder, { recursive: true, force: true })
  process.once('exit', remove)
  const file = join(import.meta.dirname, 'programs', 'upstream.ts')
  const path = join(folder, 'socket')
  const child = startPinned(process.execPath, ['--no-warnings', file, path], {
    core,
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  const close = async (): Promise<void> => {
    await end(child)
    process.off('exit', remove)
    remove()
  }
  const [port] = (await Promise.race([once(child, 'message'), once(child, 'exit')])) as [unknown]
  if (child.exitCode !== null || child.signalCode !== null) {
    await close()
    throw new Error('The upstream in Node.js ended before it listened')
  }
  return {
    tcp: { kind: 'tcp', host: '127.0.0.1', port: Number(port) },
    unix: { kind: 'unix', path },
    async connectionCount() {
      const response = await fetch(`http://127.0.0.1:${Number(port)}/connections`)
      return Number(await response.text())
    },
    [Symbol.asyncDispose]: close,
  }
}

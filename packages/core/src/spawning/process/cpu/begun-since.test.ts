import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { expect, onTestFinished, test } from 'vitest'
import { begunSince } from './begun-since.js'
import { ProcFolder } from './fixtures/proc-folder.js'
import { kernelGroupFiles } from './group-files.js'
import { thisHost } from './precedence.js'

test.runIf(process.platform === 'linux')(
  'who began later is listed, and who did not is not',
  async () => {
    const children = [spawn('sleep', ['60']), spawn('sleep', ['60'])]
    onTestFinished(() => children.forEach((child) => void child.kill('SIGKILL')))
    await Promise.all(children.map((child) => once(child, 'spawn')))
    const [first = 0, second = 0] = children.map(({ pid }) => pid)
    // Where the circle closes just now, nothing is told.
    const begun = begunSince(first, thisHost) ?? [second]
    expect(begun).toContain(second)
    expect(begun).not.toContain(first)
    expect(begun).not.toContain(process.pid)
  },
)

test('nothing is told once the pids have begun anew', () => {
  const proc = new ProcFolder().process(4000, 1).process(12, 1)
  const host = { proc: proc.path, files: kernelGroupFiles }
  expect(begunSince(3999, host)).toBeUndefined()
  proc.write('loadavg', '0.1 0.2 0.3 1/100 12\n')
  expect(begunSince(3999, host)).toBeUndefined()
  proc.write('loadavg', '0.1 0.2 0.3 1/100 4001\n')
  expect(begunSince(3999, host)).toEqual([4000])
})

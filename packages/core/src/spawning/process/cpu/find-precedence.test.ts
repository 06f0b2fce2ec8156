import { expect, test } from 'vitest'
import { ProcFolder } from './fixtures/proc-folder.js'
import { findPrecedence } from './find-precedence.js'
import { kernelGroupFiles } from './group-files.js'

test('a host with neither way says what it lacks, and what to do', async () => {
  const host = { proc: new ProcFolder().path, files: kernelGroupFiles }
  expect(await findPrecedence(0.2, 'linux', undefined, host)).toEqual({
    feature: 'CPU for the gateway before its environments',
    reason: 'the kernel has no cgroups; sessions are not grouped (kernel.sched_autogroup_enabled)',
    remedy: expect.stringContaining('Delegate=cpu') as string,
  })
})

test('other systems than Linux have none', async () => {
  expect(await findPrecedence(0.2, 'darwin')).toMatchObject({
    reason: 'this system has neither cgroups nor autogroups',
  })
})

test('the first way that works is taken', async () => {
  const works = { way: 'autogroup' as const, open: () => expect.unreachable() }
  const ways = [async () => 'no', async () => works, async () => expect.unreachable()]
  expect(await findPrecedence(0.2, 'linux', ways)).toBe(works)
})

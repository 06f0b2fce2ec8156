import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { afterEach, expect, it } from 'vitest'
import type { Spec } from '../environment/spec.js'
import { EnvironmentManager } from './manager.js'
import { alwaysReady, scriptedSpawner } from './scripted-spawner.fixture.js'

let manager: EnvironmentManager
afterEach(() => manager.close({ drainMs: 0 }))

function make(specFor: (request: { readonly id: string }) => Spec): void {
  manager = new EnvironmentManager({ spawner: scriptedSpawner(), readiness: alwaysReady, specFor })
}

it('tells of one that was stopped what it has told before, and goes on from there', async () => {
  make(({ id }) => ({ run: { id }, owner: 'web-team' }))
  await manager.create('a')
  const before = manager.explain('a')
  await manager.stop('a')
  const after = manager.explain('a')
  const { generation, owner, spawner, specHash, lastActivityMs, lastLogLines, history } = before
  expect(after).toMatchObject({ generation, owner, spawner, specHash, lastLogLines })
  expect(after).toMatchObject({ state: 'stopped', endpoint: undefined, readySinceMs: undefined })
  expect(after.lastActivityMs).toBeCloseTo(lastActivityMs ?? 0, -3)
  expect(lastLogLines).toEqual(['hello from the script'])
  expect(after.history.slice(0, history.length)).toEqual(history)
  await manager.create('a')
  expect(manager.explain('a')).toMatchObject({ state: 'ready', generation: 2 })
  expect(manager.explain('a').history.slice(0, after.history.length)).toEqual(after.history)
})

it('keeps nothing else of one that was stopped', async () => {
  const runs: WeakRef<object>[] = []
  make(({ id }) => {
    const run = { id }
    runs.push(new WeakRef(run))
    return { run }
  })
  await manager.create('a')
  await manager.stop('a')
  expect(manager.get('a')?.state).toBe('stopped')
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  for (let round = 0; runs[0]?.deref() !== undefined && round < 100; round += 1) {
    // What was looked at in this turn is kept until its end.
    await new Promise((resolve) => {
      setImmediate(resolve)
    })
    collect()
  }
  expect(runs).toHaveLength(1)
  expect(runs[0]?.deref()).toBeUndefined()
})

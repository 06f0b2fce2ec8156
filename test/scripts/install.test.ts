import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { lock } from '../../scripts/install.mjs'
import { lockfileProblems } from '../../scripts/lockfile.ts'

let folder: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'install-'))
})

afterEach(() => {
  rmSync(folder, { recursive: true, force: true })
})

describe('the lock of an installation', () => {
  it('is one process’s at a time, and gone in the end', async () => {
    const file = join(folder, 'lock')
    const order: string[] = []
    const release = await lock(file)
    const second = lock(file).then((releaseSecond) => {
      order.push('second')
      releaseSecond()
    })
    await new Promise((resolve) => setImmediate(resolve))
    order.push('first')
    release()
    await second
    expect(order).toEqual(['first', 'second'])
    expect(readdirSync(folder)).toEqual([])
  })

  it('is taken from a process that has ended', async () => {
    const file = join(folder, 'lock')
    const { pid } = spawnSync('true')
    writeFileSync(file, String(pid))
    const release = await lock(file)
    release()
    expect(existsSync(file)).toBe(false)
  })
})

describe('the lockfile', () => {
  const write = (manifest: object, root: object, packages: object = {}): void => {
    writeFileSync(join(folder, 'package.json'), JSON.stringify(manifest))
    const lockfile = { packages: { '': root, ...packages } }
    writeFileSync(join(folder, 'package-lock.json'), JSON.stringify(lockfile))
  }
  const dependencies = { undici: '^8.12.0' }

  it('is fine when it is that of package.json', () => {
    write({ dependencies }, { dependencies }, { 'node_modules/undici': { version: '8.12.0' } })
    expect(lockfileProblems(folder)).toEqual([])
  })

  it('is not when a dependency differs', () => {
    write({ dependencies }, { dependencies: { undici: '^8.11.0' } })
    expect(lockfileProblems(folder)).toEqual(['package-lock.json is not that of package.json.'])
  })

  it('is not when it holds an address', () => {
    const resolved = 'https://registry.example/undici.tgz'
    write({ dependencies }, { dependencies }, { 'node_modules/undici': { resolved } })
    expect(lockfileProblems(folder)).toEqual([
      'package-lock.json holds an address for node_modules/undici.',
    ])
  })
})

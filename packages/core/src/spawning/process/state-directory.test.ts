import { chmodSync, mkdirSync, readdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { InvalidOptionError } from '../../errors.js'
import { temporaryFolder } from './fixtures/harness.js'
import { bindPath } from './listener/socket.js'
import { RunFolder } from './run-folder.js'
import {
  defaultStateDirectory,
  maxSocketPathBytes,
  maxStateDirBytes,
  openStateDirectory,
  readRecord,
  writeRecord,
} from './state-directory.js'

afterEach(() => {
  vi.restoreAllMocks()
})

const modeOf = (path: string): number => statSync(path).mode & 0o777

describe('the state directory', () => {
  test('is made for its owner alone, with its parents', () => {
    const path = join(temporaryFolder(), 'a', 'b')
    expect(openStateDirectory(path)).toBe(path)
    expect(modeOf(path)).toBe(0o700)
    expect(openStateDirectory(path)).toBe(path)
  })

  test('may be one that others can read, but not one that they can write to', () => {
    const path = temporaryFolder()
    chmodSync(path, 0o755)
    expect(openStateDirectory(path)).toBe(path)
    chmodSync(path, 0o777)
    expect(() => openStateDirectory(path)).toThrow(/can be written to by other users/)
  })

  test('is refused where it is a link, a file, or somebody else’s', () => {
    const folder = temporaryFolder()
    mkdirSync(join(folder, 'own'), 0o700)
    symlinkSync(join(folder, 'own'), join(folder, 'link'))
    symlinkSync(join(folder, 'nowhere'), join(folder, 'dangling'))
    writeFileSync(join(folder, 'file'), '')
    const refused = (name: string): unknown => {
      try {
        return openStateDirectory(join(folder, name))
      } catch (error) {
        expect(error).toBeInstanceOf(InvalidOptionError)
        return (error as Error).message
      }
    }
    expect(refused('link')).toMatch(
      /is no folder but a link or a file; remove it, or choose another `stateDir`/,
    )
    expect(refused('dangling')).toMatch(/link|can't be made/)
    expect(refused('file')).toMatch(/can't be made/)
    const uid = process.getuid?.() ?? 0
    vi.spyOn(process, 'getuid').mockReturnValue(uid + 1)
    expect(refused('own')).toMatch(
      new RegExp(`belongs to user ${uid}, and this is user ${uid + 1}`),
    )
  })

  test('is by default below the first temporary folder that leaves room for a socket', () => {
    const own = `alcove-${process.getuid?.()}`
    const long = `/${'x'.repeat(90)}`
    expect(defaultStateDirectory({ TMPDIR: '/var/tmp' })).toBe(`/var/tmp/${own}`)
    expect(defaultStateDirectory({ TMPDIR: long, XDG_RUNTIME_DIR: '/run/user/7' })).toBe(
      `/run/user/7/${own}`,
    )
    expect(defaultStateDirectory({ TMPDIR: long, XDG_RUNTIME_DIR: long })).toBe(`/tmp/${own}`)
    expect(defaultStateDirectory({ TMPDIR: 'relative' })).toBe(`/tmp/${own}`)
  })
})

test('the longest state directory leaves exactly the room that a socket’s path needs', () => {
  const stateDir = `/${'x'.repeat(maxStateDirBytes - 1)}`
  const path = bindPath(join(stateDir, '01234567', '89abcdef'))
  expect(Buffer.byteLength(path)).toBe(maxSocketPathBytes)
})

test('folders of runs and instances are private whatever the umask, and named alike', () => {
  const stateDir = temporaryFolder()
  const before = process.umask(0o777)
  try {
    const run = RunFolder.create(stateDir, { pid: 1, startTime: 'x' })
    expect(readdirSync(stateDir)).toEqual([run.name])
    expect(run.name).toMatch(/^[0-9a-f]{8}$/)
    const instance = run.makeInstance()
    expect(run.instances()).toEqual([instance])
    expect([modeOf(run.path), modeOf(join(run.path, instance))]).toEqual([0o700, 0o700])
    expect(run.host()).toMatchObject({ pid: 1, startTime: 'x', closed: false })
  } finally {
    process.umask(before)
  }
})

test('a record that can’t be read is none', () => {
  const path = join(temporaryFolder(), 'record.json')
  expect(readRecord(path)).toBeUndefined()
  writeFileSync(path, '{"v":')
  expect(readRecord(path)).toBeUndefined()
  writeFileSync(path, 'null')
  expect(readRecord(path)).toBeUndefined()
  writeRecord(path, { v: 1 })
  expect(readRecord(path)).toEqual({ v: 1 })
  expect(readdirSync(join(path, '..'))).toEqual(['record.json'])
})

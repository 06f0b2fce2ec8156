import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { systemProgram } from './system-program.ts'

let folder: string
let program: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'alcove-path-'))
  program = join(folder, 'a-browser')
  writeFileSync(program, '')
})

afterEach(() => {
  vi.restoreAllMocks()
  rmSync(folder, { recursive: true })
})

it('finds a program as a shell does', () => {
  chmodSync(program, 0o755)
  const PATH = ['/nowhere', folder].join(delimiter)
  expect(systemProgram('a-browser', { PATH })).toBe(program)
  expect(systemProgram('a-browser', { PATH, CI: 'true' })).toBe(program)
})

it('says so where it finds none, and fails in CI, where nothing is skipped', () => {
  const printed = vi.spyOn(process.stderr, 'write').mockReturnValue(true)
  chmodSync(program, 0o644)
  expect(systemProgram('a-browser', { PATH: folder })).toBe(undefined)
  expect(printed).toHaveBeenCalledWith(
    'There is no a-browser on the PATH: tests with it are skipped.\n',
  )
  expect(() => systemProgram('a-browser', { PATH: folder, CI: 'true' })).toThrow(
    'There is no a-browser on the PATH, and CI skips no test',
  )
})

import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { SpawnFailedError } from '../../errors.js'
import { temporaryFolder } from './fixtures/harness.js'
import { explainSpawnError, launch } from './launch.js'

async function refusal(
  command: readonly string[],
  cwd?: string,
  path: string | undefined = process.env['PATH'],
): Promise<string> {
  const variables: Record<string, string> = path === undefined ? {} : { PATH: path }
  const error: unknown = await launch({ id: 'pr-1', command, cwd, variables }).then(
    () => undefined,
    (reason: unknown) => reason,
  )
  expect(error).toBeInstanceOf(SpawnFailedError)
  expect((error as SpawnFailedError).id).toBe('pr-1')
  return (error as Error).message
}

describe('what can not be executed is said in one sentence', () => {
  test('a command that is nowhere on the PATH', async () => {
    expect(await refusal(['no-such-program', 'x'])).toBe(
      'Environment "pr-1" could not start: there is no command "no-such-program" on its PATH; install it, or name it by its full path in `command`',
    )
  })

  test('a working directory that is missing, or is none', async () => {
    const folder = temporaryFolder()
    writeFileSync(join(folder, 'file'), '')
    expect(await refusal(['node'], join(folder, 'missing'))).toMatch(
      /its working directory ".*missing" does not exist; create it, or correct `cwd`$/,
    )
    expect(await refusal(['node'], join(folder, 'file'))).toMatch(
      /its working directory ".*file" is no folder/,
    )
  })

  test('a file that is missing, relative to the working directory', async () => {
    const folder = temporaryFolder()
    expect(await refusal(['./run.sh'], folder)).toContain(`there is no file "${folder}/run.sh"`)
  })

  test('a file that may not be executed, and a folder', async () => {
    const folder = temporaryFolder()
    writeFileSync(join(folder, 'plain'), 'echo')
    expect(await refusal([join(folder, 'plain')])).toMatch(
      /may not be executed; make the file executable/,
    )
    expect(await refusal([folder])).toMatch(/may not be executed/)
  })

  test('a script whose interpreter is missing, by path and on the PATH', async () => {
    const folder = temporaryFolder()
    writeFileSync(join(folder, 'script'), '#! /no/such/interpreter -x\n')
    chmodSync(join(folder, 'script'), 0o755)
    const sentence =
      /the interpreter "\/no\/such\/interpreter", named in the first line of ".*script", does not exist/
    expect(await refusal([join(folder, 'script')])).toMatch(sentence)
    expect(await refusal(['script'], undefined, folder)).toMatch(sentence)
  })

  test('arguments that are too long', async () => {
    expect(await refusal(['node', 'x'.repeat(3_000_000)])).toMatch(/are too long for the system/)
  })

  test('a link that leads nowhere', async () => {
    const folder = temporaryFolder()
    mkdirSync(join(folder, 'bin'))
    symlinkSync('/no/such/program', join(folder, 'bin', 'tool'))
    expect(await refusal(['tool'], undefined, join(folder, 'bin'))).toMatch(
      /no command "tool" on its PATH/,
    )
  })

  test.each([
    ['EAGAIN', /allows no more processes or memory \(EAGAIN\)/],
    ['ENOMEM', /allows no more processes or memory \(ENOMEM\)/],
    ['EMFILE', /too many files open \(EMFILE\)/],
    ['ENOEXEC', /"x" is no program; begin a script with "#!"/],
    ['EIO', /"x" could not be executed: spawn x EIO/],
  ])('%s of the system', (code, sentence) => {
    const error = Object.assign(new Error(`spawn x ${code}`), { code })
    expect(
      explainSpawnError({ id: 'pr-1', command: ['x'], cwd: undefined, variables: {} }, error),
    ).toMatch(sentence)
  })

  test('text from strangers is quoted', async () => {
    expect(await refusal(['a\u001b[31m\nb'])).toContain(String.raw`no command "a\u001b[31m\nb" on`)
  })
})

import { describe, expect, test } from 'vitest'
import { InvalidOptionError } from '../../errors.js'
import { checkRun, fillIn } from './run.js'

const refusal = (run: unknown): string => {
  try {
    checkRun(run)
  } catch (error) {
    expect(error).toBeInstanceOf(InvalidOptionError)
    return (error as Error).message
  }
  throw new Error('accepted')
}

test.each([
  { command: ['node'] },
  { command: ['node', '', 'a b', '"; rm -rf /'], cwd: 'worktrees/a', env: {}, listen: 'socket' },
  {
    command: ['x'],
    env: { HOST: '::1', 'npm_config_@scope:registry': 'x', _: '', A: '{port}' },
    listen: 'picked-port',
  },
  { command: ['x'], listen: 'reported-port', cwd: undefined, env: undefined },
  { command: ['node', 'x.js'], prewarm: {} },
  {
    command: ['node', 'x.js'],
    prewarm: { size: 16, preload: ['express', '@a/b/c', './d', 'node:http'] },
  },
])('a sound run passes: %j', (run) => {
  expect(() => checkRun(run)).not.toThrow()
})

describe('refused in one sentence', () => {
  test.each<[unknown, RegExp]>([
    [undefined, /to be an object, got `undefined`/],
    ['node server.js', /to be an object, got "node server.js"/],
    [['node'], /to be an object, got a list/],
    [{}, /to have a `command`/],
    [{ comand: ['node'] }, /no option "comand": did you mean `command`\?/],
    [
      { command: ['node'], workingDirectory: '/' },
      /no option "workingDirectory": it has `command`/,
    ],
    [{ command: [] }, /`command` .* to be a list of strings/],
    [{ command: 'node server.js' }, /`command` .* to be a list of strings.*got "node server.js"/],
    [{ command: ['node', 3000] }, /`command` .* to be a list of strings/],
    [{ command: [''] }, /to begin with a name/],
    [{ command: ['node', 'a\0b'] }, /`command`.* no NUL character, got "a\\u0000b"/],
    [{ command: ['node'], cwd: '' }, /`cwd` .* to be the path of a folder, got ""/],
    [{ command: ['node'], cwd: 7 }, /`cwd` .* to be the path of a folder, got `7`/],
    [{ command: ['node'], cwd: 'a\0' }, /`cwd` .* no NUL character/],
    [{ command: ['node'], env: ['A=1'] }, /`env` .* to be an object/],
    [{ command: ['node'], env: { 'A=B': 'x' } }, /"A=B" .* can't name a variable/],
    [{ command: ['node'], env: { '': 'x' } }, /"" .* can't name a variable/],
    [{ command: ['node'], env: { '1A': 'x' } }, /"1A" .* can't name a variable/],
    [{ command: ['node'], env: { 'A B': 'x' } }, /"A B" .* can't name a variable/],
    [{ command: ['node'], env: { 'A\0': 'x' } }, /"A\\u0000" .* can't name a variable/],
    [{ command: ['node'], env: { A: 1 } }, /"A" in `env` .* to be a string, got `1`/],
    [{ command: ['node'], env: { A: 'b\0' } }, /"A" in `env` .* no NUL character/],
    [{ command: ['node'], env: { PORT: '3000' } }, /can't set PORT/],
    [{ command: ['node'], env: { ALCOVE_HOST: 'x' } }, /can't set "ALCOVE_HOST"/],
    [
      { command: ['node'], listen: 'port' },
      /`listen` .* to be "socket" or "reported-port" or "picked-port", got "port"/,
    ],
    [{ command: ['node'], listen: 'pickedport' }, /did you mean "picked-port"\?/],
    [{ command: ['node'], listen: true }, /`listen` .* got `true`/],
    [{ command: ['node', 'x'], prewarm: true }, /`prewarm` .* to be an object .* got `true`/],
    [{ command: ['node', 'x'], prewarm: { preload: 'x' } }, /`preload` .* to be a list of names/],
    [{ command: ['node', 'x'], prewarm: { preload: ['#x'] } }, /to name packages or paths.*"#x"/],
    [{ command: ['node', 'x'], prewarm: { preload: ['file:///x'] } }, /to name packages or paths/],
    [
      { command: ['node', 'x'], prewarm: { size: 0 } },
      /`size` .* a whole number from 1 to 16, got `0`/,
    ],
    [{ command: ['node', 'x'], prewarm: { size: 17 } }, /from 1 to 16/],
    [{ command: ['node', 'x'], prewarm: { preloads: [] } }, /did you mean `preload`\?/],
    [
      { command: ['npm', 'run', 'dev'], prewarm: {} },
      /`command` .* can't be prewarmed: "npm" is not Node.js; begin with "node".*or leave `prewarm` out$/,
    ],
    [{ command: ['node', '-e', '0'], prewarm: {} }, /can't be prewarmed: with "-e"/],
    [{ command: ['node', '--title={port}', 'x'], prewarm: {} }, /can't hold \{port\}/],
  ])('%j', (run, sentence) => {
    expect(refusal(run)).toMatch(sentence)
  })
})

test('{port} and {id} are filled in, and nothing else', () => {
  const values = { port: '/s', id: 'pr-1' }
  expect(fillIn('{id}:{port}/{port}', values)).toBe('pr-1:/s//s')
  expect(fillIn('${PORT} {ports} { id } {ID} {constructor} $& $1', values)).toBe(
    '${PORT} {ports} { id } {ID} {constructor} $& $1',
  )
  expect(fillIn('{id}', { port: '', id: '$&' })).toBe('$&')
})

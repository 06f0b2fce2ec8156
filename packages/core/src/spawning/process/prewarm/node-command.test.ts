import { expect, test } from 'vitest'
import { readNodeCommand, whyNotWithOptions } from './node-command.js'

test.each<[string, readonly string[], string, readonly string[]]>([
  ['node server.js', [], 'server.js', []],
  ['/opt/node-22/bin/node server.js --port 1', [], 'server.js', ['--port', '1']],
  [
    'nodejs --enable-source-maps server.js -e x',
    ['--enable-source-maps'],
    'server.js',
    ['-e', 'x'],
  ],
  ['node24 -r ./a.cjs --import=b -C dev x', ['-r', './a.cjs', '--import=b', '-C', 'dev'], 'x', []],
  ['node --max-old-space-size=100 -- server.js', ['--max-old-space-size=100'], 'server.js', []],
])('%s: flags %j, then %j with %j', (text, flags, entry, args) => {
  const command = text.split(' ')
  expect(readNodeCommand(command)).toEqual({ node: command[0], flags, entry, args })
})

test.each([
  ['npm run dev', /^"npm" is not Node.js; begin with "node"/],
  ['./server.js', /^".\/server.js" is not Node.js/],
  ['/opt/node/npm start', /is not Node.js/],
  ['node', /names no program/],
  ['node --enable-source-maps', /names no program/],
  ['node inspect server.js', /starts a debugger/],
  ['node -', /does not simply run a file/],
  ['node -e code', /"-e" Node.js does not simply run a file/],
  ['node -pe code', /does not simply run a file/],
  ['node --eval=code', /"--eval"/],
  ['node --watch server.js', /"--watch"/],
  ['node --run dev', /"--run"/],
  ['node --test a.test.js', /"--test"/],
  ['node --inspect=0 server.js', /"--inspect" says is read as the process is started/],
  ['node --env-file=.env server.js', /"--env-file" says/],
  ['node --env_file=.env server.js', /"--env-file" says/],
  ['node --permission server.js', /"--permission" says/],
])('%s can’t be prewarmed: %s', (text, reason) => {
  expect(readNodeCommand(text.split(' '))).toMatch(reason)
})

test('what NODE_OPTIONS says may be in the way as well', () => {
  expect(whyNotWithOptions(undefined)).toBeUndefined()
  expect(whyNotWithOptions('--no-deprecation --require=./x.cjs --import ./inspect')).toBeUndefined()
  expect(whyNotWithOptions(' --no-deprecation  --inspect=9229')).toMatch(/"--inspect" says/)
})

// Runs before each test file, in its process: marks what the file will start. See global-setup.ts.
import { createHash } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { delimiter, join, relative } from 'node:path'
import { expect } from 'vitest'

const folder = process.env['ALCOVE_LEFTOVERS']
const { testPath } = expect.getState()

if (folder !== undefined && testPath !== undefined) {
  const file = relative(process.cwd(), testPath)
  const name = createHash('sha256').update(file).digest('hex').slice(0, 6)
  const own = join(folder, name)
  mkdirSync(own, { recursive: true })
  writeFileSync(`${own}.test-file`, file)
  process.env['TMPDIR'] = own
  process.env['PATH'] = `${process.env['PATH'] ?? ''}${delimiter}${own}`
}

import { afterAll, describe, expect, it } from 'vitest'
import { alcove } from './alcove/index.ts'
import { cases } from './cases/index.ts'
import { runCase, settingsOf } from './run-case.ts'

// Where listeners pile up, Node.js says so, once for each kind.
const warnings: string[] = []
const onWarning = ({ message }: Error): void => void warnings.push(message)
process.on('warning', onWarning)

afterAll(() => {
  process.off('warning', onWarning)
  expect(warnings).toEqual([])
})

describe.concurrent.each(alcove)('$name', (subject) => {
  for (const row of cases) {
    for (const { front, target } of settingsOf(subject, row)) {
      it(`${row.name} (${front}, ${target})`, async () => {
        expect(await runCase(subject, front, target, row)).toEqual({ is: 'passed' })
      })
    }
  }
})

it('names each case once', () => {
  const names = cases.map(({ name }) => name)
  expect(names.filter((name, i) => names.indexOf(name) !== i)).toEqual([])
})

import { describe, expect, it } from 'vitest'
import { alcove } from './alcove/index.ts'
import { cases } from './cases/index.ts'
import { runCase, settingsOf } from './run-case.ts'

describe.concurrent.each(alcove)('$name', (subject) => {
  for (const row of cases) {
    for (const { front, target } of settingsOf(subject, row)) {
      it(`${row.name} (${front}, ${target})`, async () => {
        expect(await runCase(subject, front, target, row)).toEqual({ is: 'passed' })
      })
    }
  }
})

import { expect, it } from 'vitest'
import { check } from '../../examples/tls/check.ts'

it('examples/tls does what it says', async () => {
  const lines: string[] = []
  const passed = await check((line) => lines.push(line))
  // A failure is to be read in what it prints.
  expect(passed ? [] : lines).toEqual([])
  expect(lines).toHaveLength(5)
})

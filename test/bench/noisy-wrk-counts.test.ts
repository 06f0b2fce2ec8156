import { expect, test } from 'vitest'
import { wrkCounts } from '../../bench/noisy/floods/wrk-counts.ts'

test('reads what wrk counted', () => {
  const said = `Running 1m test @ http://127.0.0.1:28111/
  1 threads and 256 connections
    Req/Sec    68.85k    36.37k  102.27k    80.00%
  102347 requests in 1.50s, 12.40MB read
  Socket errors: connect 1, read 2, write 3, timeout 4
  Non-2xx or 3xx responses: 2347
Requests/sec:  68134.76
`
  expect(wrkCounts(said)).toEqual({ seconds: 1.5, ok: 100_000, refused: 2347, cut: 6 })
  expect(wrkCounts('  7 requests in 1.50m, 12.40KB read')).toEqual({
    seconds: 90,
    ok: 7,
    refused: 0,
    cut: 0,
  })
})

test('refuses anything else', () => {
  expect(() => wrkCounts('unable to connect')).toThrow('unable to connect')
})

import { expect, it } from 'vitest'
import { coresIn } from '../../bench/load/cores.ts'
import { parseLog } from '../../bench/load/h2load.ts'
import { parseWrk } from '../../bench/load/wrk.ts'

const summary = (more: string): string => `Running 1s test @ http://127.0.0.1:4000/
  1 threads and 64 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     1.02ms  200.15us   9.10ms   90.12%
    Req/Sec    61.20k     2.11k   64.00k    80.00%
  67021 requests in 1.10s, 11.25MB read
${more}Requests/sec:  60939.51
Transfer/sec:     10.23MB
`

it('reads what wrk prints', () => {
  const result = parseWrk(summary(''))
  expect(result).toEqual({ requests: 67_021, requestsPerSecond: 60_939.51, problem: undefined })
})

it('knows from it what went wrong', () => {
  const errors = '  Socket errors: connect 0, read 3, write 0, timeout 0\n'
  const refusals = '  Non-2xx or 3xx responses: 17\n'
  expect(parseWrk(summary(errors + refusals)).problem).toBe(
    'Socket errors: connect 0, read 3, write 0, timeout 0; Non-2xx or 3xx responses: 17',
  )
})

it('does not take anything else for a summary', () => {
  expect(() => parseWrk('unable to connect to 127.0.0.1:4000 Connection refused\n')).toThrow(
    'Expected the summary of wrk, got "unable to connect',
  )
})

it('reads the log of h2load, and counts what was not answered with 200', () => {
  const log = '1795810141142077\t200\t349\n1795810141142078\t503\t12\n1795810141142079\t-1\t0\n'
  expect(parseLog(log)).toEqual({ tookMs: [0.349], failed: 2 })
  expect(parseLog('')).toEqual({ tookMs: [], failed: 0 })
})

it('reads lists of cores as the kernel writes them', () => {
  expect(coresIn('0-3,8')).toEqual([0, 1, 2, 3, 8])
  expect(coresIn('5')).toEqual([5])
  expect(coresIn('')).toEqual([])
})

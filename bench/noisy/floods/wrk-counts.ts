import type { FloodCounts } from './flood.ts'

/** What wrk 4 tells at its end. @throws where that is something else */
export function wrkCounts(said: string): FloodCounts {
  const [, requests, time = ''] = /(\d+) requests in ([\d.]+[a-z]+),/.exec(said) ?? []
  if (requests === undefined) throw new Error(`Expected what wrk has counted, got "${said.trim()}"`)
  const [, refused = 0] = /Non-2xx or 3xx responses: (\d+)/.exec(said) ?? []
  const [, connecting = 0, reading = 0, writing = 0] =
    /Socket errors: connect (\d+), read (\d+), write (\d+)/.exec(said) ?? []
  return {
    seconds: seconds(time),
    ok: Number(requests) - Number(refused),
    refused: Number(refused),
    cut: Number(connecting) + Number(reading) + Number(writing),
  }
}

function seconds(time: string): number {
  const unit = { us: 1e-6, ms: 1e-3, s: 1, m: 60, h: 3600 }[time.replace(/^[\d.]+/, '')]
  return Number.parseFloat(time) * (unit ?? Number.NaN)
}

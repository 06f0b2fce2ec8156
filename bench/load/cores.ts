import { readFileSync } from 'node:fs'

/** Where the load and what it is forwarded to run, and where the gateways do. */
export interface Cores {
  readonly load: number
  readonly gateways: number
}

/** Two cores that this process may run on, or why there are none. */
export function twoCores(): Cores | string {
  let status
  try {
    status = readFileSync('/proc/self/status', 'latin1')
  } catch {
    return 'Processes are pinned to cores as Linux does it, and this is another system.'
  }
  const [, list = ''] = /^Cpus_allowed_list:\s*(\S+)$/m.exec(status) ?? []
  const [load, gateways] = coresIn(list)
  if (load === undefined || gateways === undefined) {
    return 'It takes two cores: one for the gateways, one for the load and what it is forwarded to.'
  }
  return { load, gateways }
}

/** The cores of a list as the kernel writes it: `0-3,8`. */
export function coresIn(list: string): readonly number[] {
  return list
    .split(',')
    .filter((range) => range !== '')
    .flatMap((range) => {
      const [first = 0, last = first] = range.split('-').map(Number)
      return Array.from({ length: last - first + 1 }, (_, index) => first + index)
    })
}

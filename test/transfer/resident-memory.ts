import { readFileSync, writeFileSync } from 'node:fs'
import { kibibyte } from './content.ts'

/** Why resident memory can't be measured here, `undefined` where it can. */
export const notMeasurable =
  process.platform === 'linux'
    ? undefined
    : 'The resident memory of another process is read from /proc, which only Linux has'

/** The resident memory of a process in bytes, read from outside: a process that looks at itself allocates. */
export class ResidentMemory {
  readonly #folder: string

  constructor(pid: number) {
    this.#folder = `/proc/${pid}`
  }

  /** proc_pid_status(5), "VmRSS". */
  get bytes(): number {
    return this.#read('VmRSS')
  }

  /** The most since the start or since {@link forgetPeak}: proc_pid_status(5), "VmHWM". Nothing between two looks is missed. */
  get peakBytes(): number {
    return this.#read('VmHWM')
  }

  /** proc_pid_clear_refs(5): 5 resets the peak to what there is now. */
  forgetPeak(): void {
    writeFileSync(`${this.#folder}/clear_refs`, '5')
  }

  #read(field: 'VmRSS' | 'VmHWM'): number {
    const status = readFileSync(`${this.#folder}/status`, 'latin1')
    const [, kibibytes] = new RegExp(`^${field}:\\s*(\\d+) kB$`, 'm').exec(status) ?? []
    if (kibibytes === undefined) throw new Error(`There is no ${field} in ${this.#folder}/status`)
    return Number(kibibytes) * kibibyte
  }
}

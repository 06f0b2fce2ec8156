import { readFileSync, writeFileSync } from 'node:fs'
import { kibibyte } from './content.ts'

/** Why a process can't be observed here, `undefined` where it can. */
export const notObservable =
  process.platform === 'linux'
    ? undefined
    : 'The resident memory of another process is read from /proc, which only Linux has'

/** What the kernel says of another process, in bytes: one that looks at itself allocates. */
export class ObservedProcess {
  readonly #folder: string

  constructor(pid: number) {
    this.#folder = `/proc/${pid}`
  }

  /** Its resident memory: proc_pid_status(5), "VmRSS". */
  get residentBytes(): number {
    return this.#read('status', 'VmRSS') * kibibyte
  }

  /** The most since the start or since {@link forgetPeak}: proc_pid_status(5), "VmHWM". Nothing between two looks is missed. */
  get peakBytes(): number {
    return this.#read('status', 'VmHWM') * kibibyte
  }

  /** All that it has read so far, from sockets too: proc_pid_io(5), "rchar". */
  get readBytes(): number {
    return this.#read('io', 'rchar')
  }

  /** proc_pid_clear_refs(5): 5 resets the peak to what there is now. */
  forgetPeak(): void {
    writeFileSync(`${this.#folder}/clear_refs`, '5')
  }

  #read(file: 'status' | 'io', field: string): number {
    const text = readFileSync(`${this.#folder}/${file}`, 'latin1')
    const [, number] = new RegExp(`^${field}:\\s*(\\d+)`, 'm').exec(text) ?? []
    if (number === undefined) throw new Error(`There is no ${field} in ${this.#folder}/${file}`)
    return Number(number)
  }
}

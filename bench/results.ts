import { mkdir, writeFile } from 'node:fs/promises'
import { cpus, loadavg } from 'node:os'
import { join, relative } from 'node:path'

/** What the figures depend on beside the code. */
export function machine(): string {
  const [{ model } = { model: 'unknown processor' }] = cpus()
  const [load = 0] = loadavg()
  return `Node.js ${process.version}, ${cpus().length} x ${model.trim()}, load ${load.toFixed(1)}`
}

/** Writes a benchmark's figures, and says where. */
export async function writeResults(name: string, figures: object): Promise<string> {
  const folder = join(import.meta.dirname, 'results')
  const file = join(folder, `${name}.json`)
  await mkdir(folder, { recursive: true })
  const whole = { name, at: new Date().toISOString(), machine: machine(), ...figures }
  await writeFile(file, `${JSON.stringify(whole, undefined, 2)}\n`)
  return `Written to ${relative(process.cwd(), file)}`
}

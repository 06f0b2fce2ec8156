import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { Preparation } from '../../environment/preparation.js'
import { runs, temporaryFolder } from './fixtures/harness.js'
import { preparedFolder, type PreparedFolderOptions } from './prepared-folder.js'

interface Ran {
  readonly lines: string[]
  readonly steps: string[]
  readonly outcome: Promise<void>
  cancel(): void
}

function run(preparation: Preparation): Ran {
  const controller = new AbortController()
  const [lines, steps]: [string[], string[]] = [[], []]
  const outcome = preparation.run({
    id: 'pr-1',
    specHash: 'hash',
    signal: controller.signal,
    graceMs: 5_000,
    log: (line) => lines.push(line),
    progress: (text) => steps.push(text),
  })
  outcome.catch(() => {})
  return { lines, steps, outcome, cancel: () => controller.abort(new Error('called off')) }
}

/** Steps that are Node.js programs. */
const step = (code: string, name?: string): PreparedFolderOptions['steps'][number] => ({
  command: [process.execPath, '-e', code],
  ...(name !== undefined && { name }),
})

const write = (file: string, text: string): string =>
  `require('node:fs').writeFileSync(${JSON.stringify(file)}, ${JSON.stringify(text)})`

describe('preparedFolder()', () => {
  it('makes a folder by its steps, and tells what they do and print', async () => {
    const folder = join(temporaryFolder(), 'checkout')
    const { outcome, lines, steps } = run(
      preparedFolder({
        folder,
        steps: [
          step(write('a.txt', 'A'), 'checking out'),
          step('console.log(require("node:fs").readFileSync("a.txt", "utf8"))'),
        ],
      }),
    )
    await outcome
    expect(readFileSync(join(folder, 'a.txt'), 'utf8')).toBe('A')
    expect(steps).toEqual(['checking out', process.execPath])
    expect(lines).toEqual(['A'])
  })

  it('leaves one that is made alone, also in another run', async () => {
    const folder = join(temporaryFolder(), 'checkout')
    const make = (text: string): Promise<void> =>
      run(preparedFolder({ folder, steps: [step(write('a.txt', text))] })).outcome
    const read = (): string => readFileSync(join(folder, 'a.txt'), 'utf8')
    await make('first')
    writeFileSync(join(folder, 'a.txt'), 'edited')
    await make('first')
    expect(read()).toBe('edited')
  })

  it('never touches one that it has not made: somebody may work there', async () => {
    const folder = join(temporaryFolder(), 'checkout')
    mkdirSync(folder)
    writeFileSync(join(folder, 'work.txt'), 'of days')
    const steps = [step(write('a.txt', 'A'))]
    await expect(run(preparedFolder({ folder, steps })).outcome).rejects.toThrow(
      /is there and was not made by these steps; name another one in `folder`, or remove it/,
    )
    expect(readFileSync(join(folder, 'work.txt'), 'utf8')).toBe('of days')
    const made = join(temporaryFolder(), 'made')
    await run(preparedFolder({ folder: made, steps })).outcome
    const others = [step(write('a.txt', 'B'))]
    await expect(run(preparedFolder({ folder: made, steps: others })).outcome).rejects.toThrow(
      'was made by other steps',
    )
    expect(readFileSync(join(made, 'a.txt'), 'utf8')).toBe('A')
  })

  it('makes one folder once for several specs', async () => {
    const folder = join(temporaryFolder(), 'checkout')
    const preparation = preparedFolder({ folder, steps: [step('console.log("made")')] })
    const [one, other] = [run(preparation), run(preparation)]
    await Promise.all([one.outcome, other.outcome])
    expect([...one.lines, ...other.lines]).toEqual(['made'])
  })

  it('that fails says which step and why, and leaves nothing', async () => {
    const parent = temporaryFolder()
    const folder = join(parent, 'checkout')
    const failing = [
      step(write('a.txt', 'new')),
      step('process.stderr.write("no such branch", () => process.exit(3))'),
    ]
    await expect(run(preparedFolder({ folder, steps: failing })).outcome).rejects.toThrow(
      /exited with code 3: no such branch/,
    )
    expect(readdirSync(parent)).toEqual([])
    await run(preparedFolder({ folder, steps: [step(write('a.txt', 'new'))] })).outcome
    expect(readdirSync(parent).toSorted()).toEqual(['checkout', 'checkout.prepared'])
  })

  it('that is called off ends its step with all of its descendants, and leaves nothing', async () => {
    const parent = temporaryFolder()
    const grandchild = `require('node:child_process').spawn(process.execPath, ['-e', 'console.log("deep", process.pid); setInterval(() => {}, 1000)'], { detached: true, stdio: 'inherit' })`
    const ran = run(preparedFolder({ folder: join(parent, 'checkout'), steps: [step(grandchild)] }))
    const pid = await new Promise<number>((resolve) => {
      const look = (): void => {
        const [, found] = /deep (\d+)/.exec(ran.lines.join('\n')) ?? []
        if (found === undefined) setImmediate(look)
        else resolve(Number(found))
      }
      look()
    })
    ran.cancel()
    await expect(ran.outcome).rejects.toThrow('called off')
    expect(runs(pid)).toBe(false)
    expect(readdirSync(parent)).toEqual([])
  })

  it('ends what a step leaves in the background', async () => {
    const parent = temporaryFolder()
    const background = `const child = require('node:child_process').spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { detached: true, stdio: 'ignore' }); child.unref(); console.log(child.pid)`
    const { outcome, lines } = run(
      preparedFolder({ folder: join(parent, 'checkout'), steps: [step(background)] }),
    )
    await outcome
    expect(runs(Number(lines[0]))).toBe(false)
  })

  it('gives its steps none of the host’s secrets', async () => {
    process.env['ALCOVE_TEST_SECRET'] = 'hush'
    process.env['SOME_TOKEN'] = 'hush'
    try {
      const { outcome, lines } = run(
        preparedFolder({
          folder: join(temporaryFolder(), 'checkout'),
          env: { OWN: 'yes' },
          steps: [step('console.log(JSON.stringify(process.env))')],
        }),
      )
      await outcome
      expect(lines.join()).not.toContain('hush')
      expect(JSON.parse(lines[0] ?? '')).toMatchObject({ OWN: 'yes' })
      expect(JSON.parse(lines[0] ?? '')).not.toHaveProperty('PORT')
    } finally {
      delete process.env['ALCOVE_TEST_SECRET']
      delete process.env['SOME_TOKEN']
    }
  })

  it('removes what a killed host left half-made, and not what a living one is making', async () => {
    const parent = temporaryFolder()
    // A process that is gone, and the parent of all.
    mkdirSync(join(parent, 'checkout.preparing-4194303-aaaa'))
    mkdirSync(join(parent, 'checkout.preparing-1-bbbb'))
    // A container's gateway has the same number in each of its runs.
    mkdirSync(join(parent, `checkout.preparing-${process.pid}-cccc`))
    await run(preparedFolder({ folder: join(parent, 'checkout'), steps: [step('0')] })).outcome
    expect(readdirSync(parent).toSorted()).toEqual([
      'checkout',
      'checkout.prepared',
      'checkout.preparing-1-bbbb',
    ])
  })

  it('says what can not be executed', async () => {
    const folder = join(temporaryFolder(), 'checkout')
    const steps = [{ command: ['no-such-program'] }]
    await expect(run(preparedFolder({ folder, steps })).outcome).rejects.toThrow(
      'the step could not begin: there is no command "no-such-program" on its PATH',
    )
  })

  it('refuses what makes no sense', () => {
    expect(() => preparedFolder({ folder: 'x', steps: [] })).toThrow('`steps`')
    expect(() => preparedFolder({ folder: 'x', steps: [{ command: [] }] })).toThrow('`steps`')
    expect(() => preparedFolder({ folder: '', steps: [{ command: ['a'] }] })).toThrow('`folder`')
    expect(() => preparedFolder({ folder: 'x', step: [] } as never)).toThrow('`steps`')
  })
})

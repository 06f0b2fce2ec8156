import { globSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  hasRun,
  inPage,
  isPart,
  runBlock,
  writeBlock,
  type WrittenBlock,
} from './docs/block-run.ts'
import { inTurn } from './docs/in-turn.ts'
import { type Block, blocksOf } from './docs/markdown.ts'
import { typeErrors } from './docs/type-check.ts'
import { makeWorkspace, root } from './docs/workspace.ts'

const names = ['README.md', ...globSync('docs/*.md', { cwd: root }).sort()]
const pages = new Map(names.map((name) => [name, readFileSync(join(root, name), 'utf8')]))
const blocks = [...pages].flatMap(([page, markdown]) => blocksOf(page, markdown))
const ofSamePage = (block: Block): readonly Block[] =>
  blocks.filter(({ page }) => page === block.page)

/** Blocks that can't be run, each with its reason in its fence: as few as possible. */
const notRun = 0
/** Each block is a process, and often starts others. */
const atATime = 3

let workspace: string
let runs: ReadonlyMap<Block, Promise<void>> = new Map()
let types: Promise<ReadonlyMap<string, readonly string[]>>
const written = new Map<Block, WrittenBlock>()

beforeAll(async () => {
  workspace = await makeWorkspace()
  for (const block of blocks)
    written.set(block, await writeBlock(workspace, block, ofSamePage(block)))
  types = typeErrors(
    workspace,
    [...written.values()].map(({ path }) => path),
  )
  const whole = blocks.filter((block) => !block.noRun && !isPart(block, ofSamePage(block)))
  runs = inTurn(whole, atATime, (block) => runBlock(workspace, written.get(block)!))
}, 60_000)

afterAll(async () => {
  await Promise.allSettled([...runs.values(), types])
  rmSync(workspace, { recursive: true, force: true })
}, 60_000)

describe.each(blocks)('$page:$line', { timeout: 120_000 }, (block) => {
  it('compiles', async () => {
    const { path } = written.get(block)!
    const errors = (await types).get(path) ?? []
    expect(errors.map((error) => inPage(error, written.get(block)!, workspace))).toEqual([])
  })

  it.skipIf(block.noRun)('runs', async () => {
    if (runs.has(block)) await runs.get(block)
    else await Promise.allSettled(ofSamePage(block).map(async (other) => runs.get(other)))
    if (!hasRun(workspace, block)) throw new Error(`${block.page}:${block.line}: nothing runs it`)
  })
})

describe('this test', () => {
  /** Puts a block on a page of its own, in a line of which the errors have to tell. */
  const write = async (...lines: readonly string[]): Promise<WrittenBlock> => {
    const [block] = blocksOf('docs/wrong.md', ['# Wrong', ...lines].join('\n'))
    return writeBlock(workspace, block!, [block!])
  }
  const run = async (...lines: readonly string[]): Promise<void> =>
    runBlock(workspace, await write(...lines))

  it('sees a block that throws', async () => {
    await expect(run('```js', '', "throw new Error('broken')", '```')).rejects.toThrow(
      /^docs\/wrong\.md:3: [^]*docs\/wrong\.md:4\n[^]*Error: broken/,
    )
  })

  it('sees one that prints to stderr', async () => {
    await expect(run('```js', "console.error('careful')", '```')).rejects.toThrow(
      /^docs\/wrong\.md:3: it printed to stderr[^]*careful/,
    )
  })

  it('sees one that prints something else than it says', async () => {
    await run('```js', 'console.log(1 + 1) // 2', '```')
    await expect(run('```js', 'console.log(1 + 1) // 3', '```')).rejects.toThrow(
      /^docs\/wrong\.md:3: it did not print "3"/,
    )
  })

  it('sees an answer that is not the one of the page', async () => {
    const server = [
      '```js',
      "import { createServer } from 'node:http'",
      "createServer((request, response) => response.end('hello')).listen(8080)",
      '```',
    ]
    await run(...server, '```sh', 'curl http://localhost:8080/', '# hello', '```')
    const wrong = run(...server, '```sh', 'curl http://localhost:8080/', '# goodbye', '```')
    await expect(wrong).rejects.toThrow(
      /^docs\/wrong\.md:3: curl in line 7: it did not print "goodbye"/,
    )
    await expect(run(...server)).rejects.toThrow(/nothing in the page visits it/)
  })

  it('sees what a block leaves behind', async () => {
    const leaves = run(
      '```js',
      "import { mkdtempSync } from 'node:fs'",
      "import { tmpdir } from 'node:os'",
      'mkdtempSync(`${tmpdir()}/left-`)',
      '```',
    )
    await expect(leaves).rejects.toThrow(/^docs\/wrong\.md:3: it left the temporary file left-/)
  }, 30_000)

  it('sees a wrong type, and JavaScript that is none', async () => {
    const wrong = await write('```ts', "const port: number = 'eight'", '```')
    const broken = await write('```js', 'const = 1', '```')
    await types
    // One after the other: next to what can't be parsed, types are not looked at.
    for (const [one, code] of [
      [wrong, 'TS2322'],
      [broken, 'TS'],
    ] as const) {
      const errors = await typeErrors(workspace, [one.path])
      const told = inPage(errors.get(one.path)?.join() ?? '', one, workspace)
      expect(told).toMatch(new RegExp(`^docs/wrong\\.md\\(3,7\\): error ${code}`))
    }
  })

  it('sees a program that nothing starts', async () => {
    const { block } = await write('', '```js', '// devEnv.js', '```')
    expect(isPart(block, [block])).toBe(true)
    expect(hasRun(workspace, block)).toBe(false)
  })
})

it('runs almost all of them', () => {
  const left = blocks.filter(({ noRun }) => noRun)
  expect(left.map(({ page, line, noRun }) => `${page}:${line} ${noRun}`)).toHaveLength(notRun)
})

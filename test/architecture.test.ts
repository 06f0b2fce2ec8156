import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { beforeAll, describe, expect, it } from 'vitest'

const root = dirname(dirname(fileURLToPath(import.meta.url)))

/** What the linter says about a repository that holds these files alone; its messages by file. */
function lint(files: Readonly<Record<string, string>>): Record<string, string> {
  const folder = mkdtempSync(join(tmpdir(), 'lint-'))
  try {
    for (const [path, text] of Object.entries(files)) {
      const file = join(folder, path)
      mkdirSync(dirname(file), { recursive: true })
      writeFileSync(file, text)
    }
    // Only our rule: the others need the whole program.
    const plugin = join(root, 'scripts/lint/import-direction.ts')
    const rules = { 'alcove/import-direction': 'error' }
    const config = { jsPlugins: [plugin], categories: { correctness: 'off' }, rules }
    writeFileSync(join(folder, '.oxlintrc.json'), JSON.stringify(config))
    const { stdout, stderr } = spawnSync(join(root, 'node_modules/.bin/oxlint'), ['-f', 'json'], {
      cwd: folder,
      encoding: 'utf8',
    })
    expect(stderr).toBe('')
    const { diagnostics } = JSON.parse(stdout) as {
      readonly diagnostics: readonly { readonly filename: string; readonly message: string }[]
    }
    return Object.fromEntries(diagnostics.map(({ filename, message }) => [filename, message]))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

describe('the import direction', () => {
  const core = 'packages/core/src'

  it('is a rule of this repository', () => {
    const config = readFileSync(join(root, '.oxlintrc.json'), 'utf8')
    expect(config).toContain('"alcove/import-direction": "error"')
  })

  const against: readonly (readonly [string, string, string])[] = [
    ['manager', '../forwarding/forwarder.js', 'forwarding'],
    ['manager', '../admission/bulkhead.js', 'admission'],
    ['manager', '../gateway/gateway.js', 'gateway'],
    ['manager', '../spawning/static.js', 'spawning drivers'],
    ['forwarding', '../manager/manager.js', 'manager'],
    ['instance', '../manager/manager.js', 'manager'],
    ['instance', '../routing/header.js', 'routing drivers'],
    ['environment', '../instance/instance.js', 'instance'],
    ['logs', '../readiness/tcp.js', 'readiness'],
    ['gateway', '../dev-env-proxy.js', 'composition'],
    ['gateway', '../index.js', 'composition'],
    ['routing', '../spawning/static.js', 'spawning drivers'],
    ['routing', '../manager/manager.js', 'manager'],
    ['spawning/process', '../../routing/header.js', 'routing drivers'],
    ['spawning', '../instance/instance.js', 'instance'],
    ['readiness', '../logs/log-buffer.js', 'logs'],
    ['coordination', '../manager/manager.js', 'manager'],
  ]
  const fileOf = (folder: string, specifier: string): string =>
    `${core}/${folder}/${basename(specifier)}-sample.ts`
  let messages: Readonly<Record<string, string>> = {}

  beforeAll(() => {
    const files = against.map(([folder, specifier]) => [
      fileOf(folder, specifier),
      `import '${specifier}'`,
    ])
    messages = lint(Object.fromEntries(files) as Record<string, string>)
  })

  it.each(against)('keeps %s from importing %s', (folder, specifier, layer) => {
    expect(messages[fileOf(folder, specifier)]).toContain(`of the layer "${layer}"`)
  })

  it('sees each way to import', () => {
    const ways = {
      'type.ts': `import type { Manager } from '../manager/manager.js'`,
      'types.ts': `export type Manager = import('../manager/manager.js').Manager`,
      'export.ts': `export { manager } from '../manager/manager.js'`,
      'all.ts': `export * from '../manager/manager.js'`,
      'dynamic.ts': `export const manager = () => import('../manager/manager.js')`,
    }
    const files = Object.entries(ways).map(([name, text]) => [`${core}/routing/${name}`, text])
    expect(Object.keys(lint(Object.fromEntries(files) as typeof ways))).toHaveLength(5)
  })

  it('keeps errors from importing anything but types', () => {
    const file = `${core}/errors.ts`
    expect(lint({ [file]: `import type { Exit } from './spawning/spawner.js'` })).toEqual({})
    expect(lint({ [file]: `import { Exit } from './spawning/spawner.js'` })[file]).toBeDefined()
  })

  it('asks for a layer for each new folder', () => {
    const file = `${core}/novelty/sample.ts`
    expect(lint({ [file]: `import '../errors.js'` })[file]).toContain('No layer')
  })

  it('knows the packages that core depends on', () => {
    const [framework, adapter] = [`${core}/manager/first.ts`, `${core}/manager/second.ts`]
    expect(
      lint({
        [framework]: `import 'express'`,
        [adapter]: `import '@alcove/express-adapter'`,
      }),
    ).toEqual({
      [framework]: expect.stringContaining('Core depends on'),
      [adapter]: expect.stringContaining('Core depends on'),
    })
  })

  it('keeps adapters to the public face of core', () => {
    const specifiers = [
      '@alcove/core/testing',
      '@alcove/core/dist/index.js',
      '../../core/src/gateway/gateway.js',
      'express',
    ]
    const files = specifiers.map((specifier, index) => [
      `packages/koa-adapter/src/sample-${index}.ts`,
      `import '${specifier}'`,
    ])
    const found = Object.values(lint(Object.fromEntries(files) as Record<string, string>))
    expect(found).toHaveLength(specifiers.length)
    for (const message of found) expect(message).toContain('An adapter imports')
  })

  it('lets everything through that the design allows', () => {
    expect(
      lint({
        [`${core}/dev-env-proxy.ts`]: `import './spawning/process/process-spawner.js'; import './routing/header.js'`,
        [`${core}/gateway/gateway.ts`]: `import '../manager/manager.js'; import '../forwarding/forwarder.js'; import 'node:http'`,
        [`${core}/manager/manager.ts`]: `import '../instance/instance.js'; import './options.js'; import '../spawning/spawner.js'`,
        [`${core}/instance/instance.ts`]: `import '../environment/environment.js'; import '../logs/log-buffer.js'`,
        [`${core}/spawning/process/process-spawner.ts`]: `import './tree.js'; import '../spawner.js'; import '../../errors.js'`,
        [`${core}/manager/manager.test.ts`]: `import '../spawning/in-process.js'; import '@alcove/koa-adapter'`,
        'packages/koa-adapter/src/index.ts': `import '@alcove/core'; import 'koa'; import 'node:http'; import './context.js'`,
      }),
    ).toEqual({})
  })
})

describe('the dependencies', () => {
  const manifest = (folder: string): Record<string, Record<string, string> | undefined> =>
    JSON.parse(readFileSync(join(root, 'packages', folder, 'package.json'), 'utf8')) as Record<
      string,
      Record<string, string>
    >

  it('of core are four', () => {
    const { dependencies, peerDependencies, optionalDependencies } = manifest('core')
    expect(Object.keys(dependencies ?? {})).toEqual([
      'eventemitter3',
      'lru-cache',
      'p-queue',
      'undici',
    ])
    expect(dependencies?.['undici']).toMatch(/^\^8\./)
    expect([peerDependencies, optionalDependencies]).toEqual([undefined, undefined])
  })

  it.each(['express', 'koa'])('of the adapter of %s are core, and it as a peer', (framework) => {
    const { dependencies, peerDependencies, optionalDependencies } = manifest(
      `${framework}-adapter`,
    )
    expect(Object.keys(dependencies ?? {})).toEqual(['@alcove/core'])
    expect(Object.keys(peerDependencies ?? {})).toEqual([framework])
    expect(optionalDependencies).toBeUndefined()
  })
})

import { existsSync, globSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import * as errors from '../../packages/core/src/errors.ts'
import {
  forwarderRules,
  resolveForwarderOptions,
} from '../../packages/core/src/forwarding/forwarder-options.ts'
import { resolveManagerOptions } from '../../packages/core/src/manager/options.ts'
import { defaultInheritEnv } from '../../packages/core/src/spawning/process/environment-variables.ts'
import { staticSpawner } from '../../packages/core/src/spawning/static.ts'
import { anchorsOf, linksOf, rowsWith, tableOf } from './markdown.ts'

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))))
const read = (path: string): string => readFileSync(join(root, path), 'utf8')
const unquoted = (cell: string): string => cell.replaceAll('`', '')

describe('docs/failures.md', () => {
  it('has each error with its status, and no other', () => {
    const rows = tableOf(read('docs/failures.md'), 'code')
    const told = rows.map(({ code = '', status = '' }) => [unquoted(code), status])
    expect(Object.fromEntries(told)).toEqual(statuses())
    expect(told).toHaveLength(Object.keys(statuses()).length)
  })

  it('says of each when it comes, and what to do', () => {
    const rows = tableOf(read('docs/failures.md'), 'code')
    expect(rows.filter((row) => !row['when'] || !row['what to do'])).toEqual([])
  })

  it('has each event with what it tells', () => {
    const told = tableOf(read('docs/failures.md'), 'event').map((row) =>
      unquoted(row['event'] ?? ''),
    )
    const events = /interface ManagerEvents \{(?<members>.*?)^\}/ms.exec(
      read('packages/core/src/events.ts'),
    )
    const names = [...(events?.groups?.['members'] ?? '').matchAll(/^ {2}(\w+): \[/gm)].map(
      ([, name = '']) => name,
    )
    expect(names.length).toBeGreaterThan(3)
    expect(told.toSorted()).toEqual(names.toSorted())
  })

  it('has the defaults of the back-off', () => {
    expectDefaults('docs/failures.md')
  })
})

describe('docs/idle-and-lifetime.md', () => {
  it('has the defaults of the options', () => {
    expectDefaults('docs/idle-and-lifetime.md')
  })

  it('says which options a spec may have in its policy', () => {
    const { policy } = resolveManagerOptions({ spawner: staticSpawner() })
    const told = tableOf(read('docs/idle-and-lifetime.md'), 'option')
      .filter((row) => row['in `policy` of a spec'] === 'yes')
      .map((row) => unquoted(row['option'] ?? ''))
    // A probe is no duration, and is on another page.
    const names = Object.keys(policy).filter((name) => name !== 'readiness')
    expect(told.toSorted()).toEqual(names.toSorted())
  })
})

describe('docs/forwarding.md and docs/browser-isolation.md', () => {
  const rules = resolveForwarderOptions({})
  const pages = ['docs/forwarding.md', 'docs/browser-isolation.md']
  const told = pages.flatMap((page) =>
    rowsWith(read(page), 'option').map((row) => ({
      name: /^\w+/.exec(unquoted(row['option'] ?? ''))?.[0] ?? '',
      told: unquoted(row['default'] ?? '').replaceAll(',', ''),
    })),
  )

  it('have each option of forwarding, and no other', () => {
    const internal = ['dial', 'tls', 'onRestricted']
    const elsewhere = ['gatewayName']
    const names = [...Object.keys(forwarderRules), 'onError'].filter(
      (name) => ![...internal, ...elsewhere].includes(name),
    )
    expect([...new Set(told.map(({ name }) => name))].toSorted()).toEqual(names.toSorted())
  })

  it('have their defaults', () => {
    const plain = told.filter(({ name }) => Object.hasOwn(rules, name) && name !== 'gatewayCookies')
    const actual = plain.map(({ name }) => ({
      name,
      told: String(Object.entries(rules).find(([key]) => key === name)?.[1]),
    }))
    expect(plain.length).toBeGreaterThan(10)
    expect(plain).toEqual(actual)
  })
})

describe('docs/process-environments.md', () => {
  it('names the variables that environments get, and no other', () => {
    const [, section = ''] = read('docs/process-environments.md').split('## Its variables\n')
    const list = section.split('\n\n').find((paragraph) => paragraph.trim().startsWith('`')) ?? ''
    const names = [...list.matchAll(/`([^`]+)`/g)].map(([, name]) => name)
    expect(names).toEqual(defaultInheritEnv)
  })
})

const pages = ['README.md', 'CONTRIBUTING.md', ...globSync('docs/*.md', { cwd: root }).sort()]

it.each(pages)('%s links to what is there', (page) => {
  const broken = linksOf(read(page)).filter((link) => {
    const [path = '', anchor] = link.split('#')
    const target = path === '' ? page : join(dirname(page), path)
    if (!existsSync(join(root, target))) return true
    return anchor !== undefined && !anchorsOf(read(target)).includes(anchor)
  })
  expect(broken).toEqual([])
})

it('README.md leads to every page', () => {
  const linked = linksOf(read('README.md'))
  expect(globSync('docs/*.md', { cwd: root }).filter((page) => !linked.includes(page))).toEqual([])
})

/** The status of each code, as the classes say it; several where a constructor takes one of them. */
function statuses(): Record<string, string> {
  const source = read('packages/core/src/errors.ts')
  const found = Object.fromEntries(
    [...source.matchAll(/^export class \w+ extends AlcoveError \{.*?^\}/gms)].map(([text]) => {
      const [, code = ''] = /readonly code = '(\w+)'/.exec(text) ?? []
      const [, status = ''] = /readonly status(?: = |: )([\d |]+)/.exec(text) ?? []
      return [code, status.trim().replaceAll(' | ', ', ')]
    }),
  )
  const classes = Object.values(errors).filter(
    (value) => typeof value === 'function' && value.prototype instanceof errors.AlcoveError,
  )
  expect(Object.keys(found), 'that the text is read as it is meant').toHaveLength(classes.length)
  return found
}

function expectDefaults(page: string): void {
  const { policy, ...resolved } = resolveManagerOptions({ spawner: staticSpawner() })
  const defaults: Readonly<Record<string, unknown>> = { ...resolved, ...policy }
  const rows = tableOf(read(page), 'option')
  const told = rows.map((row) => [
    unquoted(row['option'] ?? ''),
    Number(row['default']?.replaceAll(',', '')),
  ])
  expect(told.length).toBeGreaterThan(3)
  expect(told).toEqual(told.map(([name = '']) => [name, defaults[name]]))
}

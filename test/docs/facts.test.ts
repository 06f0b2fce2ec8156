import { existsSync, globSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import {
  admissionRules,
  resolveAdmissionOptions,
} from '../../packages/core/src/admission/options.ts'
import * as errors from '../../packages/core/src/errors.ts'
import {
  forwarderRules,
  resolveForwarderOptions,
} from '../../packages/core/src/forwarding/forwarder-options.ts'
import { errorAnswer } from '../../packages/core/src/gateway/error-page.ts'
import * as limitErrors from '../../packages/core/src/limit-errors.ts'
import { resolveManagerOptions } from '../../packages/core/src/manager/options.ts'
import { niceFor } from '../../packages/core/src/spawning/process/cpu/weights.ts'
import { defaultInheritEnv } from '../../packages/core/src/spawning/process/environment-variables.ts'
import { resolveOptions as resolveProcessOptions } from '../../packages/core/src/spawning/process/options.ts'
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

  it('has each member of an answer, and no other', () => {
    const told = tableOf(read('docs/failures.md'), 'member').flatMap((row) =>
      unquoted(row['member'] ?? '').split(', '),
    )
    expect([...told, 'type'].toSorted()).toEqual([...answerMembers(), 'lastLogLines'].toSorted())
  })

  it('has each event with what it tells', () => {
    const told = tableOf(read('docs/failures.md'), 'event').map((row) =>
      unquoted(row['event'] ?? ''),
    )
    const names = membersOf('packages/core/src/events.ts', 'ManagerEvents')
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
    // These are no durations, and are told elsewhere.
    const names = Object.keys(policy).filter((name) => !['readiness', 'keepWarm'].includes(name))
    expect(told.toSorted()).toEqual(names.toSorted())
  })
})

describe('docs/capacity.md', () => {
  it('has the defaults of the options', () => {
    expectDefaults('docs/capacity.md')
  })

  it('has those that depend on the host', () => {
    const hostMemory = { totalBytes: 1_000, availableBytes: () => 500 }
    const resolved = resolveManagerOptions({ spawner: staticSpawner(), hostMemory })
    const told = tableOf(read('docs/capacity.md'), 'option of memory').map((row) => [
      unquoted(row['option of memory'] ?? ''),
      row['where it is left out'] ?? '',
    ])
    expect(told.slice(0, 2)).toEqual([
      ['memoryBudgetBytes', `${resolved.memoryBudgetBytes / 10} % of the host's memory`],
      [
        'minAvailableMemoryBytes',
        `${resolved.minAvailableMemoryBytes / 10} % of the host's memory`,
      ],
    ])
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

describe('docs/overload.md', () => {
  const page = read('docs/overload.md')
  const told = rowsWith(page, 'option').map((row) => [
    unquoted(row['option'] ?? ''),
    row['default'] ?? '',
  ])

  it('has each option of admission, and no other', () => {
    expect(told.map(([name = '']) => name).toSorted()).toEqual(
      Object.keys(admissionRules).toSorted(),
    )
  })

  it('has their defaults', () => {
    const resolved = resolveAdmissionOptions({})
    const usual = resolved.limitsFor('a')
    const defaults: Readonly<Record<string, unknown>> = {
      ...resolved,
      ...usual,
      // Without the host's own, that of every environment.
      limitsFor: resolved.limitsFor('b') === usual ? undefined : resolved.limitsFor,
    }
    expect(told).toEqual(told.map(([name = '']) => [name, asDefault(name, defaults[name])]))
  })

  it.each([
    ['of the gateway', 'LoadReport'],
    ['of an environment', 'EnvironmentLoad'],
  ])('has what load() tells %s', (column, name) => {
    const members = tableOf(page, column).map((row) => unquoted(row[column] ?? ''))
    expect(members).toEqual(
      membersOf('packages/core/src/admission/load-report.ts', name).toSorted(
        (a, b) => members.indexOf(a) - members.indexOf(b),
      ),
    )
  })

  it.each([
    ['load.ts', 'sampleMs', 100, 'every 100 ms'],
    ['load.ts', 'busyUtilisation', 0.5, 'half of its time'],
    ['load.ts', 'leastAsked', 10, '100 requests a second'],
    ['rounds.ts', 'mostPerTurn', 32, '32 requests are let in'],
    ['refusals.ts', 'refusalBurst', 50, 'at once 50 times'],
    ['refusals.ts', 'refusalsPerSecond', 100, '100 times a second'],
    ['bodies.ts', 'stuckMs', 1_000, 'a second or more'],
    ['turned-away.ts', 'least', 1_000, 'from 1 s'],
    ['turned-away.ts', 'most', 60_000, 'to 60 s'],
  ])('says what %s has as %s', (file, name, value, words) => {
    const source = read(`packages/core/src/admission/${file}`)
    const [, found = ''] = new RegExp(`const ${name} = ([\\d_.]+)$`, 'm').exec(source) ?? []
    expect(Number(found.replaceAll('_', ''))).toBe(value)
    expect(page.replace(/\s+/g, ' ')).toContain(words)
  })
})

describe.each(globSync('docs/*.svg', { cwd: root }))('%s', (path) => {
  const picture = read(path)

  it('says in words what it shows', () => {
    expect(picture).toMatch(/<title id="title">[^<]+</)
    expect(picture).toMatch(/<desc id="desc">[^<]+</)
    expect(picture).toContain('aria-labelledby="title desc"')
  })

  it('is readable in light and dark', () => {
    expect(picture).toContain('@media (prefers-color-scheme: dark)')
  })

  it('runs nothing, and asks no other site', () => {
    expect(picture).not.toMatch(/<script|<foreignObject|@import|\son\w+=|href=/i)
    const elsewhere = [...picture.matchAll(/url\((?!#)[^)]*\)|https?:[^"\s]+/g)].map(String)
    expect(elsewhere).toEqual(['http://www.w3.org/2000/svg'])
  })
})

describe('docs/process-environments.md', () => {
  it('names the variables that environments get, and no other', () => {
    const [, section = ''] = read('docs/process-environments.md').split('## Its variables\n')
    const list = section.split('\n\n').find((paragraph) => paragraph.trim().startsWith('`')) ?? ''
    const names = [...list.matchAll(/`([^`]+)`/g)].map(([, name]) => name)
    expect(names).toEqual(defaultInheritEnv)
  })

  it('has the default of what environments get of a core', () => {
    const [, section = ''] = read('docs/process-environments.md').split('## CPU: who goes first\n')
    const told = tableOf(section, 'option').map((row) => [
      unquoted(row['option'] ?? ''),
      Number(row['default']),
    ])
    expect(told).toEqual([['cpuShare', resolveProcessOptions({}).cpuShare]])
  })

  it('says from when on a session has which nice value', () => {
    const page = read('docs/process-environments.md')
    expect(page).toContain('from 8 for a single one to 19 for 11 and more')
    expect([1, 10, 11].map((sessions) => niceFor(0.2, 1024, sessions))).toEqual([8, 18, 19])
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
  const source = ['errors.ts', 'limit-errors.ts']
    .map((file) => read(`packages/core/src/${file}`))
    .join('\n')
  const found = Object.fromEntries(
    [...source.matchAll(/^export class \w+ extends (?:Alcove|Limit|Logged)Error \{.*?^\}/gms)].map(
      ([text]) => {
        const [, code = ''] = /readonly code = '(\w+)'/.exec(text) ?? []
        const [, status = ''] = /readonly status(?: = |: )([\d |]+)/.exec(text) ?? []
        return [code, status.trim().replaceAll(' | ', ', ')]
      },
    ),
  )
  const { LimitError, ...limits } = limitErrors
  const classes = Object.values({ ...errors, ...limits }).filter(
    (value) => typeof value === 'function' && value.prototype instanceof errors.AlcoveError,
  )
  const limited = Object.values(limits).filter((value) => value.prototype instanceof LimitError)
  expect(limited, 'that each limit says which it is').toHaveLength(Object.keys(limits).length)
  expect(Object.keys(found), 'that the text is read as it is meant').toHaveLength(classes.length)
  return found
}

/** What an answer to a limit may tell. */
function answerMembers(): readonly string[] {
  const error = new limitErrors.RateLimitedError('Too many', {
    limit: 'ownerRateLimit',
    whose: 'owner',
    owner: 'web',
    id: 'a',
    retryAfterMs: 1,
  })
  const request = { headers: {}, method: 'GET' } as Parameters<typeof errorAnswer>[0]
  return Object.keys(JSON.parse(errorAnswer(request, error, false).body) as object)
}

/** The names that an interface of a file has. */
function membersOf(file: string, name: string): readonly string[] {
  const found = new RegExp(`interface ${name} \\{(?<members>.*?)^\\}`, 'ms').exec(read(file))
  const members = found?.groups?.['members'] ?? ''
  return [...members.matchAll(/^ {2}(?:readonly )?(\w+): /gm)].map(([, member = '']) => member)
}

/** A default as a page writes it. */
function asDefault(name: string, value: unknown): string {
  if (value === undefined) return 'none'
  if (value === false) return 'false'
  const mebibytes = Number(value) / 1024 / 1024
  return name.endsWith('Bytes') ? `${mebibytes} MiB` : Number(value).toLocaleString('en-US')
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

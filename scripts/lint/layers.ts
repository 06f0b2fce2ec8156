import { posix } from 'node:path'

// The import direction of the packages. A folder may import from the layers in its row, and nothing
// else; what a layer is made of is in `layers`. Tests and what only they use are free.

/** Files and folders of a layer, from packages/core/src; a file is of the first layer that has it. */
const layers = {
  errors: ['errors.ts', 'limit-errors.ts'],
  contracts: [
    'abort.ts',
    'admission/transfer.ts',
    'clock.ts',
    'events.ts',
    'option-check.ts',
    'coordination/coordinator.ts',
    'environment/endpoint.ts',
    'environment/id.ts',
    'environment/preparation.ts',
    'environment/spec.ts',
    'environment/state.ts',
    'environment/warm-hours.ts',
    'instance/lease.ts',
    'readiness/probe.ts',
    'routing/router.ts',
    'spawning/spawner.ts',
  ],
  // What core puts around every driver, to take it at its word: no drivers themselves.
  'spawner guard': ['spawning/guarded-spawner.ts'],
  'router guard': ['routing/as-router.ts', 'routing/route-match.ts'],
  composition: ['index.ts', 'dev-env-proxy.ts'],
  testing: ['testing/'],
  environment: ['environment/'],
  readiness: ['readiness/'],
  logs: ['logs/'],
  instance: ['instance/'],
  manager: ['manager/'],
  admission: ['admission/'],
  forwarding: ['forwarding/'],
  gateway: ['gateway/'],
  'routing drivers': ['routing/'],
  'spawning drivers': ['spawning/'],
  'coordination drivers': ['coordination/'],
} satisfies Record<string, readonly string[]>

type Layer = keyof typeof layers

const all = Object.keys(layers) as Layer[]
const base: readonly Layer[] = ['errors', 'contracts']
const belowInstance: readonly Layer[] = [
  ...base,
  'environment',
  'readiness',
  'logs',
  'spawner guard',
]
const belowManager: readonly Layer[] = [...belowInstance, 'instance']

/** What each layer may import, besides itself. */
const allowed: Readonly<Record<Layer, readonly Layer[]>> = {
  errors: [],
  contracts: ['errors'],
  'spawner guard': base,
  'router guard': base,
  environment: base,
  readiness: base,
  logs: base,
  'routing drivers': [...base, 'router guard'],
  'spawning drivers': base,
  'coordination drivers': base,
  instance: belowInstance,
  // Beside each other, so none imports another.
  manager: belowManager,
  admission: belowManager,
  forwarding: belowManager,
  gateway: [...belowManager, 'router guard', 'manager', 'admission', 'forwarding'],
  testing: all,
  composition: all,
}

/** Type-only imports that go against the direction, or single files; each with its reason. */
const exceptions: readonly {
  readonly from: string
  readonly to: string
  readonly typesOnly: boolean
  readonly because: string
}[] = [
  {
    from: 'errors.ts',
    to: 'spawning/spawner.ts',
    typesOnly: true,
    because: 'an error carries the exit that a spawner reported',
  },
  {
    from: 'manager/options.ts',
    to: 'coordination/in-memory.ts',
    typesOnly: false,
    because: 'a manager works alone, and a gateway that is alone needs no other coordinator',
  },
  {
    from: 'gateway/environment-ports.ts',
    to: 'routing/port.ts',
    typesOnly: false,
    because: 'a gateway opens the ports itself that this router has in its table',
  },
]

const corePackages = ['eventemitter3', 'lru-cache', 'p-queue', 'undici']
const core = 'packages/core/src'

/**
 * Why a file may not import something, or undefined where it may.
 *
 * @param file - the importing file, from the repository's root
 * @param specifier - what it imports, as written
 */
export function refusal(file: string, specifier: string, typesOnly: boolean): string | undefined {
  if (isForTests(file) || specifier.startsWith('node:')) return undefined
  if (file.startsWith(`${core}/`)) return refusalInCore(file, specifier, typesOnly)
  const adapter = /^packages\/(?<framework>[a-z0-9]+)-adapter\/src\//.exec(file)
  if (adapter?.groups?.['framework'] === undefined) return undefined
  const { framework } = adapter.groups
  if (specifier === '@alcove/core' || specifier === framework) return undefined
  if (isRelative(specifier) && target(file, specifier).startsWith(adapter[0])) return undefined
  return `An adapter imports @alcove/core, ${framework} and Node.js, not ${specifier}.`
}

function refusalInCore(file: string, specifier: string, typesOnly: boolean): string | undefined {
  if (!isRelative(specifier)) {
    if (corePackages.includes(specifier)) return undefined
    return `Core depends on ${corePackages.join(', ')} and Node.js alone, not on ${specifier}.`
  }
  const from = posix.relative(core, file)
  const to = posix.relative(core, target(file, specifier))
  const [importing, imported] = [layerOf(from), layerOf(to)]
  if (importing === undefined) return `No layer in scripts/lint/layers.ts has ${from}.`
  if (imported === undefined) return `No layer in scripts/lint/layers.ts has ${to}.`
  if (importing === imported || allowed[importing].includes(imported)) return undefined
  const isException = exceptions.some(
    (exception) =>
      exception.from === from && exception.to === to && (typesOnly || !exception.typesOnly),
  )
  if (isException) return undefined
  const choices = allowed[importing].join(', ') || 'nothing'
  return `${to} is of the layer "${imported}"; "${importing}" may import ${choices}.`
}

function layerOf(file: string): Layer | undefined {
  return all.find((name) =>
    layers[name].some((path) => path === file || (path.endsWith('/') && file.startsWith(path))),
  )
}

function isForTests(file: string): boolean {
  return /\.(test|fixture)\.ts$|\/(fixtures|test-support)\//.test(file)
}

function isRelative(specifier: string): boolean {
  return specifier.startsWith('.')
}

function target(file: string, specifier: string): string {
  return posix.join(posix.dirname(file), specifier.replace(/\.(c?)js$/, '.$1ts'))
}

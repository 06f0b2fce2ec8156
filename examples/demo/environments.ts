import { spawnSync } from 'node:child_process'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Spec } from '@alcove/core'

/** An environment of the demo: what Alcove is to run, and what people are told about it. */
export interface DemoEnvironment {
  readonly about: string
  readonly folder: string
  readonly spec: Spec
}

/** What `specFor` chooses from; any other name is none of an environment: 404, and nothing starts. */
export type DemoEnvironments = ReadonlyMap<string, DemoEnvironment>

/** The folder of an environment's own files. */
export const folderOf = (id: string): string => join(import.meta.dirname, 'environments', id)

const vite = join(
  dirname(fileURLToPath(import.meta.resolve('vite/package.json'))),
  'bin',
  'vite.js',
)

/**
 * Three servers that know nothing of Alcove, one for each way of listening.
 *
 * @param viteFolder - A Vite project in the place of the demo's own.
 */
export function demoEnvironments(viteFolder: string = folderOf('vite')): DemoEnvironments {
  const environments = new Map<string, DemoEnvironment>()

  // A Node.js program that wants a port of its own: it gets a free one, whichever it asks for.
  environments.set('vite', {
    about: 'a Vite dev server with hot module replacement',
    folder: viteFolder,
    spec: {
      run: {
        // The native loader, since the other one writes a file beside the configuration.
        command: [process.execPath, vite, '--configLoader', 'native'],
        cwd: viteFolder,
        listen: 'reported-port',
      },
    },
  })

  // A program that listens on PORT: the path of a Unix socket, which nobody else can reach.
  environments.set('express', {
    about: 'an Express application',
    folder: folderOf('express'),
    spec: { run: { command: [process.execPath, 'server.js'], cwd: folderOf('express') } },
  })

  // Any other program, told by an argument which free port to listen on.
  if (hasPython()) {
    environments.set('python', {
      about: 'python3 -m http.server',
      folder: folderOf('python'),
      spec: {
        run: {
          command: ['python3', '-m', 'http.server', '{port}', '--bind', '127.0.0.1'],
          cwd: folderOf('python'),
          listen: 'picked-port',
        },
      },
    })
  }
  return environments
}

/** Some systems have a python3 without its standard library. */
function hasPython(): boolean {
  return spawnSync('python3', ['-c', 'import http.server'], { stdio: 'ignore' }).status === 0
}

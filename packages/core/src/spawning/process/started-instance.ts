import { randomBytes } from 'node:crypto'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import type { ExitInfo, SpawnContext } from '../spawner.js'
import { ChildOutput } from './child-output.js'
import { environmentVariables, type Variables } from './environment-variables.js'
import { exitOf } from './exit-info.js'
import type { GatewayRun } from './gateway-run.js'
import { launch, type LaunchedChild } from './launch.js'
import { lookForEndpoint } from './listener/look-for-endpoint.js'
import { bindPath } from './listener/socket.js'
import type { ResolvedOptions } from './options.js'
import { ProcessInstance } from './process-instance.js'
import type { ProcessTable } from './process-table.js'
import { ProcessTree } from './process-tree.js'
import { listenPreload } from './program-files.js'
import { fillIn, type ProcessRun } from './run.js'
import type { ProcessHandle } from './run-folder.js'
import { removeFolder } from './state-directory.js'

/** What a start needs beside what is to run. */
export interface StartParts {
  readonly gatewayRun: GatewayRun
  readonly table: ProcessTable
  readonly options: ResolvedOptions
  /** Picked for it. */
  readonly port: number | undefined
}

/** What is settled of an instance before a process runs it. */
export interface InstancePlan {
  readonly handle: ProcessHandle
  /** Its own folder. */
  readonly path: string
  readonly command: readonly string[]
  readonly cwd: string | undefined
  readonly variables: Variables
  /** Records what is known of it by now. */
  note(now: ProcessHandle): void
}

/** @param place - The token that its processes carry, and the name of its folder in the run's. */
export function planInstance(
  run: ProcessRun,
  context: SpawnContext,
  { gatewayRun, options, port }: StartParts,
  { token, name }: { readonly token: string; readonly name: string },
): InstancePlan {
  const { id, generation, gateway, owner, specHash } = context
  const { folder } = gatewayRun
  const path = join(folder.path, name)
  const listen = run.listen ?? 'socket'
  const portText = listen === 'socket' ? bindPath(path) : String(port ?? 0)
  return {
    handle: {
      v: 1,
      id,
      generation,
      pid: 0,
      startTime: '',
      token,
      dir: `${folder.name}/${name}`,
      listen,
      ...(port === undefined ? {} : { port }),
    },
    path,
    command: run.command.map((part) => fillIn(part, { port: portText, id })),
    cwd: run.cwd,
    variables: environmentVariables({
      host: process.env,
      inheritEnv: options.inheritEnv,
      run,
      id,
      port: portText,
      instanceToken: token,
      hostToken: gatewayRun.token,
      ...(listen === 'reported-port' ? { report: { folder: path, preload: listenPreload() } } : {}),
    }),
    note(handle) {
      folder.write(name, { v: 1, gateway, owner, specHash, createdAtMs: Date.now(), handle })
    },
  }
}

/** Starts a process and looks after it; a rejection leaves nothing behind. */
export async function startInstance(
  run: ProcessRun,
  context: SpawnContext,
  parts: StartParts,
): Promise<ProcessInstance> {
  const { table, gatewayRun } = parts
  const { folder } = gatewayRun
  const name = folder.makeInstance()
  const token = randomBytes(16).toString('hex')
  let child: LaunchedChild | undefined
  try {
    const plan = planInstance(run, context, parts, { token, name })
    // Ahead of the process: a host that dies in between leaves nothing that nobody can name.
    plan.note(plan.handle)
    child = await launch({ ...plan, id: context.id })
    const output = new ChildOutput(child, parts.options.maxLogLineBytes)
    const ended = exitOf(child)
    const { pid } = child
    const birth = await table.birthOf(pid)
    const handle: ProcessHandle = { ...plan.handle, pid, startTime: birth.startTime }
    const tree = new ProcessTree({ token, pid, ...birth }, table, true)
    // Before anything else, and not waited for: the fewer of its forks are ahead of it, the fewer have to be looked for.
    const placed = gatewayRun.place(handle, tree, true)
    plan.note(handle)
    return assemble({ handle, folder: plan.path, tree, child, ended, output, gatewayRun, placed })
  } catch (error) {
    if (child) {
      const root = { token, pid: child.pid, startTime: '', order: 0 }
      await new ProcessTree(root, table, true).end(0)
    }
    await gatewayRun.unplace({ dir: `${folder.name}/${name}` })
    removeFolder(join(folder.path, name))
    throw error
  }
}

/** A child of this process that is to be an instance. */
export interface ChildParts {
  readonly handle: ProcessHandle
  readonly folder: string
  readonly tree: ProcessTree
  readonly child: LaunchedChild
  readonly ended: Promise<ExitInfo>
  readonly output: ChildOutput
  readonly gatewayRun: GatewayRun
  /** Resolves to why it could not be put behind the gateway, as a line for its log. */
  readonly placed: Promise<string | undefined>
}

/** Looks after a child from now on. */
export function assemble(parts: ChildParts): ProcessInstance {
  const { handle, folder, tree, child, ended, output, gatewayRun } = parts
  void parts.placed.then((failure) => {
    if (failure !== undefined) output.lines.add(failure)
  })
  return new ProcessInstance({
    handle,
    folder,
    tree,
    ended,
    output: output.lines,
    ...lookForEndpoint(handle, folder, tree),
    letGo() {
      child.unref()
      // Pipes to a child are sockets.
      for (const stream of [child.stdout, child.stderr]) (stream as Socket).unref()
    },
    async cleanUp() {
      await output.end()
      await gatewayRun.unplace(handle)
      removeFolder(folder)
    },
  })
}

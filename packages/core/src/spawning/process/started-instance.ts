import { randomBytes } from 'node:crypto'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import type { ExitInfo, SpawnContext } from '../spawner.js'
import { environmentVariables } from './environment-variables.js'
import type { GatewayRun } from './gateway-run.js'
import { launch, type LaunchedChild } from './launch.js'
import { lookForEndpoint } from './listener/look-for-endpoint.js'
import { bindPath } from './listener/socket.js'
import type { ResolvedOptions } from './options.js'
import { OutputReader } from './output-reader.js'
import { ProcessInstance } from './process-instance.js'
import type { ProcessTable } from './process-table.js'
import { ProcessTree } from './process-tree.js'
import { listenPreload } from './program-files.js'
import { fillIn, type ProcessRun } from './run.js'
import type { ProcessHandle } from './run-folder.js'
import { removeFolder } from './state-directory.js'

/** How long the last output is waited for once nothing of an instance lives: only a stranger can still hold the pipe. */
const outputMarginMs = 250

/** What a start needs beside what is to run. */
export interface StartParts {
  readonly gatewayRun: GatewayRun
  readonly table: ProcessTable
  readonly options: ResolvedOptions
  /** Picked for it. */
  readonly port: number | undefined
}

/** Starts a process and looks after it; a rejection leaves nothing behind. */
export async function startInstance(
  run: ProcessRun,
  context: SpawnContext,
  parts: StartParts,
): Promise<ProcessInstance> {
  const { gatewayRun, table, options, port } = parts
  const { id, generation } = context
  const { folder } = gatewayRun
  const name = folder.makeInstance()
  const path = join(folder.path, name)
  const listen = run.listen ?? 'socket'
  const handle: ProcessHandle = {
    v: 1,
    id,
    generation,
    pid: 0,
    startTime: '',
    token: randomBytes(16).toString('hex'),
    dir: `${folder.name}/${name}`,
    listen,
    ...(port === undefined ? {} : { port }),
  }
  const note = (now: ProcessHandle): void => {
    const { gateway, owner, specHash } = context
    folder.write(name, { v: 1, gateway, owner, specHash, createdAtMs: Date.now(), handle: now })
  }
  let child: LaunchedChild | undefined
  try {
    const portText = listen === 'socket' ? bindPath(path) : String(port ?? 0)
    // Ahead of the process: a host that dies in between leaves nothing that nobody can name.
    note(handle)
    child = await launch({
      id,
      command: run.command.map((part) => fillIn(part, { port: portText, id })),
      cwd: run.cwd,
      variables: environmentVariables({
        host: process.env,
        inheritEnv: options.inheritEnv,
        run,
        id,
        port: portText,
        instanceToken: handle.token,
        hostToken: gatewayRun.token,
        ...(listen === 'reported-port'
          ? { report: { folder: path, preload: listenPreload() } }
          : {}),
      }),
    })
    const ended = exitOf(child)
    const { pid } = child
    const birth = await table.birthOf(pid)
    const named: ProcessHandle = { ...handle, pid, startTime: birth.startTime }
    const tree = new ProcessTree({ token: handle.token, pid, ...birth }, table, true)
    // Before anything else, and not waited for: the fewer of its forks are ahead of it, the fewer have to be looked for.
    const placed = gatewayRun.place(named, tree, true)
    note(named)
    const instance = assemble(named, path, tree, child, ended, parts)
    void placed.then((failure) => {
      if (failure !== undefined) instance.output.add(failure)
    })
    return instance
  } catch (error) {
    if (child) await new ProcessTree({ ...handle, pid: child.pid, order: 0 }, table, true).end(0)
    await gatewayRun.unplace(handle)
    removeFolder(path)
    throw error
  }
}

function assemble(
  handle: ProcessHandle,
  folder: string,
  tree: ProcessTree,
  child: LaunchedChild,
  ended: Promise<ExitInfo>,
  { gatewayRun, options }: StartParts,
): ProcessInstance {
  const line = (text: string): void => instance.output.add(text)
  const outputs = [child.stdout, child.stderr].map(
    (stream) => new OutputReader(stream, options.maxLogLineBytes, line),
  )
  const instance: ProcessInstance = new ProcessInstance({
    handle,
    folder,
    tree,
    ended,
    ...lookForEndpoint(handle, folder, tree),
    letGo() {
      child.unref()
      // Pipes to a child are sockets.
      for (const stream of [child.stdout, child.stderr]) (stream as Socket).unref()
    },
    async cleanUp() {
      await Promise.race([
        Promise.all(outputs.map((output) => output.ended)),
        new Promise((resolve) => setTimeout(resolve, outputMarginMs).unref()),
      ])
      for (const output of outputs) output.finish()
      await gatewayRun.unplace(handle)
      removeFolder(folder)
    },
  })
  return instance
}

function exitOf(child: LaunchedChild): Promise<ExitInfo> {
  return new Promise((resolve) => {
    child.once('exit', (exitCode, signal) => {
      if (signal === null) resolve({ reason: 'exited', exitCode: exitCode ?? 0 })
      else resolve({ reason: 'signalled', signal, ...(signal === 'SIGKILL' ? killed : {}) })
    })
  })
}

const killed = {
  message: 'where nobody sent that, the system was out of memory: its log (dmesg) tells',
}

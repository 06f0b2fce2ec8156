// npm run demo [-- --port <number>] [--check]
import { parseArgs, styleText } from 'node:util'
import { check } from './check/check.ts'
import { demoEnvironments, type DemoEnvironments } from './environments.ts'
import { printEvents } from './events.ts'
import { startGateway } from './gateway.ts'
import { urlOf } from './landing-page.ts'

const idleTimeoutMs = 30_000

try {
  const { port, checks } = readArguments()
  if (checks) process.exitCode = (await check(port ?? 0)) ? 0 : 1
  else await serve(port ?? 8080)
} catch (error) {
  console.error((error as Error).message)
  process.exitCode = 1
}

async function serve(port: number): Promise<void> {
  const environments = demoEnvironments()
  const gateway = await startGateway(environments, { port, idleTimeoutMs }).catch(explainPort(port))
  printWelcome(environments, gateway.port)
  printEvents(gateway.manager)

  let ending = false
  const end = async (): Promise<void> => {
    // Who is impatient: Alcove's watchdog ends the environments without us.
    if (ending) process.exit(1)
    ending = true
    console.log('\n  Ending the environments ...')
    await gateway.close()
  }
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.on(signal, () => void end())
}

function printWelcome(environments: DemoEnvironments, port: number): void {
  const bold = (text: string): string => styleText('bold', text)
  const dim = (text: string): string => styleText('dim', text)
  const width = Math.max(...[...environments.keys()].map((id) => urlOf(id, port).length))
  const lines = [...environments].map(
    ([id, { about }]) => `  ${bold(urlOf(id, port).padEnd(width))}  ${dim(about)}`,
  )
  console.log(`
  Alcove is serving ${environments.size} environments at ${bold(`http://localhost:${port}/`)}

${lines.join('\n')}

  Each starts with its first request, and is stopped after ${idleTimeoutMs / 1000} s without one.
  Change examples/demo/environments/vite/message.js while you look at the first. Ctrl-C ends all.
`)
  if (!environments.has('python')) {
    console.log('  There is no python3 on the PATH, so its environment is left out.\n')
  }
}

function readArguments(): { readonly port: number | undefined; readonly checks: boolean } {
  const { values } = parseArgs({
    options: { port: { type: 'string' }, check: { type: 'boolean' } },
  })
  const port = values.port === undefined ? undefined : Number(values.port)
  if (port !== undefined && !(Number.isInteger(port) && port >= 0 && port <= 65_535)) {
    throw new Error(`Expected --port to be a number from 0 to 65535, got "${values.port}".`)
  }
  return { port, checks: values.check === true }
}

function explainPort(port: number): (error: NodeJS.ErrnoException) => never {
  return (error) => {
    const reasons: Readonly<Record<string, string>> = {
      EADDRINUSE: 'is taken by another program; end that',
      EACCES: 'may not be used by you; become a user who may',
    }
    const reason = reasons[error.code ?? '']
    if (reason === undefined) throw error
    throw new Error(
      `Port ${port} ${reason}, or choose another one: npm run demo -- --port ${port + 1}`,
      {
        cause: error,
      },
    )
  }
}

import { startNative } from '../gateways/native-program.ts'
import { nginxHead, nginxWords } from '../gateways/nginx.ts'
import { gatewayCore } from './cores.ts'
import { Environments, flooded, quiet } from './environments.ts'
import { NodeProgram } from './node-program.ts'
import { environmentField, type Routes, routesWord } from './programs/routes.ts'

export const gatewayNames = ['Alcove', 'Alcove, limits off', 'http-proxy', 'nginx'] as const
export type GatewayName = (typeof gatewayNames)[number]

/** A gateway and the environments behind it. */
export interface RunningGateway {
  readonly port: number
  readonly routes: Routes
  /** Ends it and the environments that are its own. Idempotent. */
  end(): Promise<void>
}

/**
 * All gateways, each in a process of its own, all on the same core: only one has something to do at a time. The quiet environment
 * and the flooded one are each gateway's own, so that no gateway finds them, or the ports of the connections to them, as
 * another one has left them; the burners are not.
 */
export class Gateways implements AsyncDisposable {
  readonly #burners: Routes
  readonly #running = new Map<GatewayName, RunningGateway>()
  #isClosed = false

  private constructor(burners: Routes) {
    this.#burners = burners
  }

  /** @throws where one does not start; none is left then */
  static async start(burners: Routes): Promise<Gateways> {
    const gateways = new Gateways(burners)
    try {
      for (const name of gatewayNames) await gateways.restart(name)
      return gateways
    } catch (error) {
      await gateways[Symbol.asyncDispose]()
      throw error
    }
  }

  /** Ends one where it runs, and starts it. */
  async restart(name: GatewayName): Promise<void> {
    if (this.#isClosed) throw new Error('The gateways are closed')
    await this.#running.get(name)?.end()
    this.#running.delete(name)
    this.#running.set(name, await start(name, this.#burners))
  }

  get(name: GatewayName): RunningGateway {
    const running = this.#running.get(name)
    if (running === undefined) throw new Error(`${name} does not run`)
    return running
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true
    await Promise.all([...this.#running.values()].map((gateway) => gateway.end()))
  }
}

async function start(name: GatewayName, burners: Routes): Promise<RunningGateway> {
  await using stack = new AsyncDisposableStack()
  const environments = stack.use(await Environments.start([quiet, flooded]))
  const routes = new Map([...environments.routes, ...burners])
  const { port, end } = await startProgram(name, routes)
  stack.defer(end)
  const all = stack.move()
  return { port, routes, end: () => all.disposeAsync() }
}

interface RunningProgram {
  readonly port: number
  end(): Promise<void>
}

function startProgram(name: GatewayName, routes: Routes): Promise<RunningProgram> {
  const words = routesWord(routes)
  switch (name) {
    case 'Alcove':
      return startNode('alcove-gateway', [words, 'limits'])
    case 'Alcove, limits off':
      return startNode('alcove-gateway', [words, 'no limits'])
    case 'http-proxy':
      return startNode('http-proxy-gateway', [words])
    case 'nginx':
      return startNginx(routes)
  }
}

async function startNode(name: string, words: readonly string[]): Promise<RunningProgram> {
  const [program, port] = await NodeProgram.start<number>(name, words, { core: gatewayCore })
  return { port, end: () => program.end() }
}

async function startNginx(routes: Routes): Promise<RunningProgram> {
  const { port, close } = await startNative({
    program: 'nginx',
    core: gatewayCore,
    words: nginxWords,
    configure: (chosen, folder) => nginxConfiguration(routes, chosen, folder),
  })
  return { port, end: close }
}

/**
 * nginx without limits, as a reverse proxy of several environments. It buffers as it does by default, though in memory alone:
 * a slow upload never reaches the environment, which is to its advantage.
 */
function nginxConfiguration(routes: Routes, port: number, folder: string): string {
  const upstreams = [...routes].map(
    ([name, its]) => `
  upstream ${name} {
    server 127.0.0.1:${its} max_fails=0;
    keepalive 2048;
    keepalive_requests 1000000000;
    keepalive_timeout 1h;
  }`,
  )
  const field = `$http_${environmentField.replaceAll('-', '_')}`
  return `${nginxHead(folder)}
  map ${field} $environment {
    default "";
${[...routes.keys()].map((name) => `    ${name} ${name};`).join('\n')}
  }
${upstreams.join('')}
  server {
    listen 127.0.0.1:${port} backlog=4096;
    client_max_body_size 0;
    location / {
      proxy_pass http://$environment;
      proxy_http_version 1.1;
      proxy_max_temp_file_size 0;
      proxy_read_timeout 1h;
      proxy_set_header Host $http_host;
      proxy_set_header Connection "";
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
      proxy_set_header X-Forwarded-Proto $scheme;
      proxy_set_header X-Forwarded-Host $http_host;
      proxy_set_header X-Forwarded-Port $server_port;
    }
  }
}
`
}

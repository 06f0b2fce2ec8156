import { type ChildProcess, spawn } from 'node:child_process'
import { copyFileSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { Endpoint } from '../../../environment/endpoint.js'
import { environmentVariables } from '../environment-variables.js'
import { fixture, temporaryFolder } from '../fixtures/harness.js'
import { listenForReport, parseReport } from '../listener/reported-port.js'
import { listenPreload } from '../program-files.js'

/** One environment: programs that share a folder to report to. */
class Reporting {
  readonly folder = temporaryFolder()
  readonly endpoints: Endpoint[] = []
  output = ''
  readonly #waiting = new Set<() => void>()

  private readonly preload: string

  constructor(preload = listenPreload()) {
    this.preload = preload
    const listener = listenForReport(this.folder, {
      endpoint: (endpoint) => {
        this.endpoints.push(endpoint)
        this.#changed()
      },
      portTaken: () => {},
      note: () => {},
    })
    onTestFinished(() => listener.close())
  }

  run(command: readonly string[], own: Record<string, string> = {}): ChildProcess {
    const [file = '', ...args] = command
    const child = spawn(file, args, {
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: environmentVariables({
        host: process.env,
        inheritEnv: ['PATH'],
        run: { command, env: own, listen: 'reported-port' },
        id: 'pr-1',
        port: '0',
        instanceToken: 'i',
        hostToken: 'h',
        report: { folder: this.folder, preload: this.preload },
      }),
    })
    onTestFinished(() => {
      try {
        process.kill(-(child.pid ?? 0), 'SIGKILL')
      } catch {
        // It has ended.
      }
    })
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        this.output += text
        this.#changed()
      })
    }
    return child
  }

  /** An ES module. */
  module(code: string, own?: Record<string, string>): ChildProcess {
    return this.run([process.execPath, fixture('listens.mjs'), code], own)
  }

  /** A CommonJS program. */
  script(code: string, own?: Record<string, string>): ChildProcess {
    return this.run([process.execPath, '-e', code], own)
  }

  until<T>(find: () => T | undefined | false): Promise<T> {
    return new Promise((resolve) => {
      const look = (): void => {
        const found = find()
        if (found === undefined || found === false) return
        this.#waiting.delete(look)
        resolve(found)
      }
      this.#waiting.add(look)
      look()
    })
  }

  endpoint(): Promise<{ host: string; port: number }> {
    return this.until(() => {
      const last = this.endpoints.at(-1)
      return last?.kind === 'tcp' && last
    })
  }

  line(text: string): Promise<boolean> {
    return this.until(() => this.output.includes(text))
  }

  #changed(): void {
    for (const look of this.#waiting) look()
  }
}

function ask(to: { host: string; port: number }): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = ''
    connect(to)
      .on('data', (data) => {
        text += String(data)
      })
      .on('end', () => resolve(text))
      .on('error', reject)
      .end('GET / HTTP/1.0\r\n\r\n')
  })
}

const say = (text: string): string => `createServer((socket) => socket.resume().end('${text}'))`
const cjs = `const { createServer } = require('net'); const http = require('http');`

test('a hard-coded port works twice at once', async () => {
  const two = [new Reporting(), new Reporting()]
  for (const [index, one] of two.entries()) one.module(`${say(`number ${index}`)}.listen(45678)`)
  const endpoints = await Promise.all(two.map((one) => one.endpoint()))
  expect(endpoints.map(({ host }) => host)).toEqual(['127.0.0.1', '127.0.0.1'])
  expect(endpoints.map(({ port }) => port)).not.toContain(45_678)
  expect(await Promise.all(endpoints.map(ask))).toEqual(['number 0', 'number 1'])
})

describe('every way to listen', () => {
  test.each([
    ['listen()', '127.0.0.1'],
    ['listen(45678)', '127.0.0.1'],
    ["listen('45678')", '127.0.0.1'],
    ['listen(undefined, () => console.log("called"))', '127.0.0.1'],
    ['listen(() => console.log("called"))', '127.0.0.1'],
    ['listen(45678, () => console.log("called"))', '127.0.0.1'],
    ["listen(45678, '0.0.0.0', () => console.log('called'))", '127.0.0.1'],
    ["listen(45678, '::', 5, () => console.log('called'))", '127.0.0.1'],
    ['listen(45678, 5, () => console.log("called"))', '127.0.0.1'],
    ["listen(45678, '127.0.0.2', undefined, () => console.log('called'))", '127.0.0.2'],
    ["listen({ port: 45678, host: '::1' }, () => console.log('called'))", '::1'],
    ["listen({ port: '45678' }, () => console.log('called'))", '127.0.0.1'],
    [
      "listen({ port: 45678, host: '::', ipv6Only: true, backlog: 5 }, () => console.log('called'))",
      '127.0.0.1',
    ],
    [
      "listen({ port: 45678, host: '', exclusive: true }, () => console.log('called'))",
      '127.0.0.1',
    ],
    ['listen({ port: undefined }, () => console.log("called"))', '127.0.0.1'],
  ])('%s', async (call, host) => {
    const one = new Reporting()
    one.module(
      `const s = ${say('hello')}; s.${call}; s.on('listening', () => console.log('port', s.address().port))`,
    )
    const endpoint = await one.endpoint()
    expect(endpoint.host).toBe(host)
    expect(endpoint.port).not.toBe(45_678)
    expect(await ask(endpoint)).toBe('hello')
    if (call.includes('called')) await one.line('called')
    await one.line(`port ${endpoint.port}`)
  })

  test.each(['localhost'])('%s stays, and what it stands for is told', async (host) => {
    const one = new Reporting()
    one.module(`${say('hello')}.listen(45678, '${host}')`)
    const endpoint = await one.endpoint()
    expect(['127.0.0.1', '::1']).toContain(endpoint.host)
    expect(await ask(endpoint)).toBe('hello')
  })

  test('of http and https, in CommonJS', async () => {
    const http = new Reporting()
    const https = new Reporting()
    http.script(`${cjs} http.createServer((q, r) => r.end('hello')).listen(45678)`)
    https.script(`require('https').createServer(() => {}).listen(45678)`)
    expect(await ask(await http.endpoint())).toMatch(/^HTTP\/1.1 200 OK.*hello$/s)
    expect((await https.endpoint()).port).not.toBe(45_678)
  })

  test('of a promise, and with PORT=0', async () => {
    const one = new Reporting()
    one.module(
      `const s = ${say('hello')}; await new Promise((resolve) => s.listen(process.env.PORT, process.env.HOST, resolve))`,
    )
    expect(await ask(await one.endpoint())).toBe('hello')
  })
})

describe('what is left alone', () => {
  test('a Unix socket', async () => {
    const one = new Reporting()
    const path = join(one.folder, 'own.sock')
    one.module(
      `const s = ${say('own')}; s.listen({ path: '${path}' }, () => console.log('is', s.address())); ` +
        `const t = ${say('own')}; t.listen('${path}2', () => console.log('is', t.address()))`,
    )
    await one.line(`is ${path}\n`)
    await one.line(`is ${path}2\n`)
    expect(one.endpoints).toEqual([])
  })

  test('the second server, on the port that it asks for', async () => {
    const one = new Reporting()
    one.module(
      `const a = ${say('first')}.listen(45678, () => {
        const b = ${say('second')}.listen(0, () => console.log('second on', b.address().address))
      })`,
    )
    expect(await ask(await one.endpoint())).toBe('first')
    await one.line('second on ::')
    expect(one.endpoints).toHaveLength(1)
  })

  test('the second process, on the port that it asks for', async () => {
    const one = new Reporting()
    one.module(`${say('first')}.listen(45678)`)
    expect(await ask(await one.endpoint())).toBe('first')
    one.module(
      `const s = ${say('second')}.listen(0, () => console.log('second on', s.address().address))`,
    )
    await one.line('second on ::')
    expect(one.endpoints).toHaveLength(1)
  })

  test.each([
    ['listen(70000)', 'ERR_SOCKET_BAD_PORT'],
    ["listen({ port: 'x' })", 'ERR_SOCKET_BAD_PORT'],
    ['listen({})', 'ERR_INVALID_ARG_VALUE'],
    ['listen(true)', 'ERR_INVALID_ARG_VALUE'],
    ['listen(0).listen(0)', 'ERR_SERVER_ALREADY_LISTEN'],
  ])("Node.js's own errors: %s", async (call, code) => {
    const one = new Reporting()
    one.module(`try { ${say('')}.${call} } catch (error) { console.log(error.code) }`)
    await one.line(code)
  })

  test('an error that nobody handles ends the program, as without it', async () => {
    const one = new Reporting()
    const child = one.module(`${say('')}.listen(45678, '192.0.2.1')`)
    const code = await new Promise((resolve) => child.once('exit', resolve))
    expect(code).toBe(1)
    expect(one.output).toContain('EADDRNOTAVAIL')
    // Then the place is free again for the next one.
    one.module(`${say('next')}.listen(45678)`)
    expect(await ask(await one.endpoint())).toBe('next')
  })

  test('the look of listen, and the number of listeners on a closed server', async () => {
    const one = new Reporting()
    one.module(
      `const { value, ...rest } = Object.getOwnPropertyDescriptor(Server.prototype, 'listen')
      console.log(value.name, value.length, JSON.stringify(rest))
      const s = createServer()
      for (let i = 0; i < 12; i += 1) {
        await new Promise((resolve) => s.listen(0, resolve))
        await new Promise((resolve) => s.close(resolve))
      }
      console.log('left', s.listenerCount('listening'), s.listenerCount('close'), s.listenerCount('error'))`,
    )
    await one.line('listen 0 {"writable":true,"enumerable":true,"configurable":true}')
    await one.line('left 0 0 0')
    expect(one.output).not.toContain('Warning')
  })

  test('everything, where its folder is gone', async () => {
    const one = new Reporting()
    one.module(`const s = ${say('')}.listen(0, () => console.log('on', s.address().address))`, {
      NODE_OPTIONS: `--require="${fixture('forget-report.cjs')}"`,
    })
    await one.line('on ::')
  })
})

describe('who only tests whether a port is free', () => {
  test.each([
    ['in its listener', 'const p = createServer(); p.listen(45678, () => p.close(next))'],
    [
      'by promises',
      'const p = createServer(); await new Promise((r) => p.listen(45678, r)); await new Promise((r) => p.close(r)); next()',
    ],
  ])('is not the endpoint: %s', async (_, probe) => {
    const one = new Reporting()
    one.module(`const next = () => ${say('real')}.listen(45678); ${probe}`)
    expect(await ask(await one.endpoint())).toBe('real')
    expect(one.endpoints).toHaveLength(1)
  })

  test('in another process', async () => {
    const one = new Reporting()
    const code = `${say('real')}.listen(45678)`
    one.module(
      `const { spawn } = await import('node:child_process')
      const p = createServer()
      p.listen(45678, () => p.close(() => {
        spawn(process.execPath, [process.argv[1], ${JSON.stringify(code)}], { stdio: 'inherit' })
      }))`,
    )
    expect(await ask(await one.endpoint())).toBe('real')
  })
})

describe('programs that restart', () => {
  test('a server that closes and listens again is told again', async () => {
    const one = new Reporting()
    one.module(
      `const s = ${say('one')}; s.listen(45678)
      process.on('SIGUSR2', () => s.close(() => ${say('two')}.listen(45678)))`,
    )
    expect(await ask(await one.endpoint())).toBe('one')
    process.kill(await pidOf(one), 'SIGUSR2')
    await one.until(() => one.endpoints.length === 2)
    expect(await ask(await one.endpoint())).toBe('two')
  })

  test('a process that was killed makes room for the next one', async () => {
    const one = new Reporting()
    const first = one.module(`${say('one')}.listen(45678)`)
    await one.endpoint()
    first.kill('SIGKILL')
    await new Promise((resolve) => first.once('exit', resolve))
    one.module(`${say('two')}.listen(45678)`)
    await one.until(() => one.endpoints.length === 2)
    expect(await ask(await one.endpoint())).toBe('two')
  })
})

describe('a cluster', () => {
  test.each(['rr', 'none'])('with the policy %s has one endpoint', async (policy) => {
    const one = new Reporting()
    const worker = `http.createServer((q, r) => r.end('worker')).listen(45678, () => console.log('up'))`
    one.module(
      `if (cluster.default.isPrimary) { cluster.default.fork(); cluster.default.fork() } else { ${worker} }`,
      { NODE_CLUSTER_SCHED_POLICY: policy },
    )
    expect(await ask(await one.endpoint())).toMatch(/worker$/)
    await one.until(() => one.output.split('up').length === 3)
    expect(new Set(one.endpoints.map((endpoint) => JSON.stringify(endpoint))).size).toBe(1)
  })
})

test('grandchildren through npm run', async () => {
  const folder = temporaryFolder()
  writeFileSync(
    join(folder, 'package.json'),
    JSON.stringify({ name: 'x', scripts: { dev: 'node server.js' } }),
  )
  writeFileSync(join(folder, 'server.js'), `${cjs} ${say('grandchild')}.listen(45678)`)
  const one = new Reporting()
  one.run(['npm', '--prefix', folder, 'run', 'dev'], {
    HOME: folder,
    npm_config_update_notifier: 'false',
  })
  expect(await ask(await one.endpoint())).toBe('grandchild')
})

test('threads', async () => {
  const one = new Reporting()
  one.script(
    `new (require('worker_threads').Worker)(${JSON.stringify(`${cjs} ${say('thread')}.listen(45678)`)}, { eval: true })`,
  )
  expect(await ask(await one.endpoint())).toBe('thread')
})

test('a path with spaces, quotes and backslashes, beside other options', async () => {
  const folder = join(temporaryFolder(), 'a "b" c\\d')
  mkdirSync(folder)
  const preload = join(folder, 'listen-preload.cjs')
  copyFileSync(listenPreload(), preload)
  const one = new Reporting(preload)
  one.module(`${say('hello')}.listen(45678)`, {
    NODE_OPTIONS: '--no-warnings --stack-trace-limit=7',
  })
  expect(await ask(await one.endpoint())).toBe('hello')
})

test('nothing of its own is left but the report and the claims', async () => {
  const one = new Reporting()
  one.module(`${say('hello')}.listen(45678)`)
  await one.endpoint()
  expect(readdirSync(one.folder).sort()).toEqual(['claim-1', 'port'])
})

describe('a report', () => {
  test.each([
    ['127.0.0.1 3000 1', { kind: 'tcp', host: '127.0.0.1', port: 3000 }],
    ['127.8.0.1 3000 1', { kind: 'tcp', host: '127.8.0.1', port: 3000 }],
    ['0.0.0.0 3000 1', { kind: 'tcp', host: '127.0.0.1', port: 3000 }],
    [':: 3000 1', { kind: 'tcp', host: '::1', port: 3000 }],
    ['::1 65535 1', { kind: 'tcp', host: '::1', port: 65_535 }],
  ])('%s', (report, endpoint) => {
    expect(parseReport(report)).toEqual(endpoint)
  })

  test.each([
    '',
    '127.0.0.1',
    '127.0.0.1 0',
    '127.0.0.1 65536',
    '127.0.0.1 80x',
    'localhost 80',
    '192.0.2.1 80',
    '169.254.169.254 80',
    '127.0.0.1@x 80',
  ])('is not believed: %j', (report) => {
    expect(parseReport(report)).toBeUndefined()
  })
})

async function pidOf(one: Reporting): Promise<number> {
  const { readFileSync } = await import('node:fs')
  return Number(readFileSync(join(one.folder, 'claim-1'), 'latin1').split(' ')[0])
}

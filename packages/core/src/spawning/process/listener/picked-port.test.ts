import { spawn } from 'node:child_process'
import { createServer, type Server } from 'node:net'
import { expect, onTestFinished, test, vi } from 'vitest'
import type { Endpoint } from '../../../environment/endpoint.js'
import { PortTakenError } from '../../../errors.js'
import { listeningSockets, parseLsof, parseTable } from '../listening-sockets.js'
import { pickPort } from './free-port.js'
import { hostThatAccepts, listenOnPort } from './picked-port.js'

function serve(host: string, port = 0): Promise<{ server: Server; port: number }> {
  const server = createServer((socket) => socket.end())
  onTestFinished(() => void server.close())
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host, port }, () => {
      resolve({ server, port: (server.address() as { port: number }).port })
    })
  })
}

/** Another process that listens, and ends with the test. */
async function stranger(host = '127.0.0.1'): Promise<{ pid: number; port: number }> {
  const child = spawn(
    process.execPath,
    [
      '-e',
      `const s = require('net').createServer((c) => c.end()).listen(0, '${host}', () => console.log(s.address().port))`,
    ],
    { stdio: ['ignore', 'pipe', 'ignore'] },
  )
  onTestFinished(() => void child.kill('SIGKILL'))
  const [data] = (await child.stdout.take(1).toArray()) as [Buffer]
  return { pid: child.pid ?? 0, port: Number(String(data)) }
}

function look(port: number, pids: readonly number[]): { endpoints: Endpoint[]; taken: string[] } {
  const endpoints: Endpoint[] = []
  const taken: string[] = []
  const listener = listenOnPort(port, () => listeningSockets(async () => pids), {
    endpoint: (endpoint) => endpoints.push(endpoint),
    portTaken: (message) => taken.push(message),
    note: () => {},
  })
  onTestFinished(() => listener.close())
  return { endpoints, taken }
}

test.each(['127.0.0.1', '0.0.0.0', '::1', '::'])(
  'a listener of its own on %s passes',
  async (host) => {
    const { port } = await serve(host)
    const { endpoints, taken } = look(port, [process.pid])
    await vi.waitFor(() => expect(endpoints).toHaveLength(1))
    expect(endpoints[0]).toEqual({ kind: 'tcp', host: host === '::1' ? '::1' : '127.0.0.1', port })
    expect(taken).toEqual([])
  },
)

test('who begins to listen on both addresses between the looks at each is found at the same one as ever', async () => {
  const answers = [false, true, true]
  expect(await hostThatAccepts(3000, async () => answers.shift() ?? true)).toBe('127.0.0.1')
  expect(await hostThatAccepts(3000, async ({ host }) => host === '::1')).toBe('::1')
})

test('a listener that comes later passes', async () => {
  const { server, port } = await serve('127.0.0.1')
  await new Promise((resolve) => server.close(resolve))
  const { endpoints } = look(port, [process.pid])
  await serve('127.0.0.1', port)
  await vi.waitFor(() => expect(endpoints).toHaveLength(1))
})

test.each(['127.0.0.1', '0.0.0.0', '::'])('a stranger on %s does not pass', async (host) => {
  const { port } = await stranger(host)
  const { endpoints, taken } = look(port, [process.pid])
  await vi.waitFor(() => expect(taken).toEqual([expect.stringContaining(`port ${port}`)]))
  expect(endpoints).toEqual([])
})

test('a stranger that shares the port does not pass', async () => {
  const { pid, port } = await stranger()
  const sockets = async () => [
    ...(await listeningSockets(async () => [pid])),
    { host: '127.0.0.1', port, own: false },
  ]
  const taken: string[] = []
  const listener = listenOnPort(port, sockets, {
    endpoint: () => taken.push('passed'),
    portTaken: (message) => taken.push(message),
    note: () => {},
  })
  onTestFinished(() => listener.close())
  await vi.waitFor(() => expect(taken).toEqual([expect.stringContaining('taken by a program')]))
})

test('a stranger on another address is none', async () => {
  const { pid, port } = await stranger()
  const sockets = async () => [
    ...(await listeningSockets(async () => [pid])),
    { host: '10.0.0.7', port, own: false },
  ]
  const endpoints: Endpoint[] = []
  const listener = listenOnPort(port, sockets, {
    endpoint: (endpoint) => endpoints.push(endpoint),
    portTaken: () => {},
    note: () => {},
  })
  onTestFinished(() => listener.close())
  await vi.waitFor(() => expect(endpoints).toHaveLength(1))
})

test('lsof tells the same, where there is no /proc', async () => {
  const { pid, port } = await stranger()
  const of = async (own: number): Promise<boolean[]> =>
    (await listeningSockets(async () => [own], 'darwin')).flatMap((socket) =>
      socket.port === port ? socket.own : [],
    )
  expect(await of(pid)).toEqual([true])
  expect(await of(process.pid)).toEqual([false])
})

test('the output of lsof', () => {
  const output = 'p12\nf20\nn127.0.0.1:3000\nf21\nn[::1]:3000\np13\nf7\nn*:8080\n'
  expect(parseLsof(output, new Set([13]))).toEqual([
    { host: '127.0.0.1', port: 3000, own: false },
    { host: '::1', port: 3000, own: false },
    { host: '0.0.0.0', port: 8080, own: true },
  ])
})

test.runIf(process.arch === 'x64' || process.arch === 'arm64')('the tables of the kernel', () => {
  const row = (local: string, state: string, inode: string): string =>
    `   0: ${local} 00000000:0000 ${state} 00000000:00000000 00:00000000 00000000  1000        0 ${inode} 1 0000 100 0`
  const table = [
    '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode',
    row('0100007F:0BB8', '0A', '11'),
    row('00000000:1F90', '0A', '12'),
    row('0100007F:0BB9', '01', '13'),
    row('00000000000000000000000000000000:0050', '0A', '14'),
    row('00000000000000000000000001000000:0051', '0A', '15'),
    row('0000000000000000FFFF00000100007F:0052', '0A', '16'),
    row('B80D0120000000000000000001000000:0053', '0A', '17'),
    '',
  ].join('\n')
  expect(parseTable(table)).toEqual([
    { host: '127.0.0.1', port: 3000, inode: '11' },
    { host: '0.0.0.0', port: 8080, inode: '12' },
    { host: '::', port: 80, inode: '14' },
    { host: '::1', port: 81, inode: '15' },
    { host: '127.0.0.1', port: 82, inode: '16' },
    { host: '2001:db8:0:0:0:0:0:1', port: 83, inode: '17' },
  ])
})

test('concurrent picks never give the same port', async () => {
  const candidates = [21_001, 21_001, 21_002, 21_002, 21_003]
  const picked = await Promise.all(
    [1, 2, 3].map(() => pickPort('pr-1', () => candidates.shift() ?? 21_004)),
  )
  expect(new Set(picked.map(({ port }) => port)).size).toBe(3)
  for (const { release } of picked) release()
})

test('a released port can be picked again, and a second release frees nobody else’s', async () => {
  const first = await pickPort('pr-1', () => 21_005)
  first.release()
  const second = await pickPort('pr-1', () => 21_005)
  first.release()
  await expect(pickPort('pr-1', () => 21_005)).rejects.toThrow(PortTakenError)
  second.release()
})

test.each(['127.0.0.1', '0.0.0.0', '::1', '::'])(
  'a port that is taken on %s is not picked',
  async (host) => {
    const { port } = await serve(host)
    await expect(pickPort('pr-1', () => port)).rejects.toMatchObject({
      code: 'ALCOVE_PORT_TAKEN',
      id: 'pr-1',
    })
  },
)

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { changesOf, every, printedBy, programAt, unused } from './environments.ts'
import { Host } from './host.ts'
import { Client } from './web-socket.ts'

const webSockets = new URL('programs/web-sockets.ts', import.meta.url)
const killedClient = new URL('programs/web-socket-client.ts', import.meta.url)

describe('a WebSocket', () => {
  let host: Host
  beforeEach(async () => {
    host = await Host.listen('Express 5', every(programAt(webSockets)))
  })
  afterEach(() => host[Symbol.asyncDispose]())

  async function processOf(client: Client): Promise<number> {
    return Number((await client.echo('!who')).split(' ')[0])
  }

  it('ends for the environment too when its client is killed', async () => {
    const printed = printedBy(host.manager)
    const child = spawn(process.execPath, [fileURLToPath(killedClient), host.url('/', 'ws'), 'a'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    await once(child.stdout, 'data')
    expect(host.manager.explain('a').leases.upgrade).toBe(1)
    child.kill('SIGKILL')
    await printed.next(({ text }) => text.startsWith('closed 1006'))
    await unused(host.manager, 'a')
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
  })

  it('ends for the environment too when its client resets the connection', async () => {
    const printed = printedBy(host.manager)
    const connection = connect(host.port, '127.0.0.1')
    const client = await Client.dial(host, 'a', { createConnection: () => connection }).open
    connection.resetAndDestroy()
    await printed.next(({ text }) => text.startsWith('closed 1006'))
    await unused(host.manager, 'a')
    expect((await client.closed).code).toBe(1006)
  })

  it('ends for its client too when the environment is killed, and the next starts it again', async () => {
    const changes = changesOf(host.manager)
    const client = await Client.dial(host, 'a').open
    const pid = await processOf(client)
    process.kill(pid, 'SIGKILL')
    expect((await client.closed).code).toBe(1006)
    await changes.next((change) => change === 'a#1 failed')
    expect(host.manager.explain('a').leases.upgrade).toBe(0)
    // The first failure puts the next start off.
    await expect
      .poll(() => (host.manager.explain('a').nextDeadline?.atMs ?? 0) - Date.now())
      .toBeLessThanOrEqual(0)
    const next = await Client.dial(host, 'a').open
    expect(await processOf(next)).not.toBe(pid)
    next.socket.close()
    await next.closed
  })

  it('ends for its client too when the environment ends itself', async () => {
    const changes = changesOf(host.manager)
    const client = await Client.dial(host, 'a').open
    client.socket.send('!exit')
    expect((await client.closed).code).toBe(1006)
    await changes.next((change) => change === 'a#1 failed')
    expect(host.manager.explain('a').failure?.reason).toContain('exited with code 3')
  })

  it('tells both sides that the environment is being stopped', async () => {
    const printed = printedBy(host.manager)
    const clients = await Promise.all(Array.from({ length: 5 }, () => Client.dial(host, 'a').open))
    await host.manager.stop('a')
    for (const client of clients) {
      // "Going away" (RFC 6455 §7.4.1).
      expect(await client.closed).toEqual({ code: 1001, reason: '' })
      await printed.next(({ text }) => text.trim() === 'closed 1001')
    }
    const next = await Client.dial(host, 'a').open
    expect(await next.echo('again')).toBe('again')
    expect(host.manager.explain('a').generation).toBe(2)
    next.socket.close()
    await next.closed
  })

  it('starts a cold environment once, however many come', async () => {
    const clients = await Promise.all(Array.from({ length: 30 }, () => Client.dial(host, 'a').open))
    const processes = new Set(await Promise.all(clients.map(processOf)))
    expect(processes.size).toBe(1)
    expect(host.manager.explain('a').generation).toBe(1)
    for (const client of clients) client.socket.terminate()
    await unused(host.manager, 'a')
  })
})

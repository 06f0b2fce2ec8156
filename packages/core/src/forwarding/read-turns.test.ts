import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setImmediate as turn } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import type { ConnectionAware } from './connection.js'
import { Connections } from './connections.js'
import { type ReadLine, ReadTurns } from './read-turns.js'

describe('turns of reading', () => {
  it('read two connections on in a turn of the event loop, of endpoints that take turns', async () => {
    const turns = new ReadTurns()
    const loud: ReadLine = []
    const quiet: ReadLine = []
    const read: string[] = []
    for (const name of ['a', 'b', 'c', 'd', 'e']) turns.wait(loud, () => read.push(name))
    turns.wait(quiet, () => read.push('quiet'))
    await turn()
    expect(read).toEqual(['a', 'quiet'])
    await turn()
    expect(read).toEqual(['a', 'quiet', 'b', 'c'])
    await turn()
    await turn()
    expect(read).toEqual(['a', 'quiet', 'b', 'c', 'd', 'e'])
  })

  it('read on what comes to wait again behind those who wait already', async () => {
    const turns = new ReadTurns()
    const line: ReadLine = []
    const read: string[] = []
    const again = (): void => {
      read.push('again')
      if (read.length < 4) turns.wait(line, again)
    }
    turns.wait(line, again)
    turns.wait(line, () => read.push('once'))
    for (let at = 0; at < 5; at += 1) await turn()
    expect(read).toEqual(['again', 'once', 'again', 'again'])
  })
})

describe('large answers', () => {
  const answerBytes = 4 * 1024 * 1024
  const turnBytes = 256 * 1024

  it('pass no more in a turn of the event loop than two reads bring, however many come at once', async () => {
    const body = Buffer.alloc(answerBytes, 'x')
    const server = createServer((_, response) => {
      response.writeHead(200, { 'content-length': answerBytes }).end(body)
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const origin = `http://127.0.0.1:${port}`
    const connections = new Connections(origin, { pipelining: 1, allowH2: false })
    let inTurn = 0
    let most = 0
    let begun = 0
    let isOver = false
    const ask = (): Promise<number> =>
      new Promise((resolve, reject) => {
        let received = 0
        const handler: ConnectionAware = {
          connection: undefined,
          onRequestStart() {},
          onResponseStart() {},
          onResponseData(_controller, chunk) {
            if (received === 0) begun += 1
            received += chunk.length
            // How much a first read brings is not known before.
            if (begun === 20) inTurn += chunk.length
          },
          onResponseEnd: () => resolve(received),
          onResponseError: (_controller, error) => reject(error),
        }
        connections.dispatch({ path: '/', method: 'GET' }, handler)
      })
    const answers = Promise.all(Array.from({ length: 20 }, ask))
    const watch = (): void => {
      most = Math.max(most, inTurn)
      inTurn = 0
      if (!isOver) setImmediate(watch)
    }
    watch()
    const received = await answers
    isOver = true
    expect(received).toEqual(Array.from({ length: 20 }, () => answerBytes))
    expect(most).toBeGreaterThan(0)
    // The last of the first reads may be in the first turn that is counted.
    expect(most).toBeLessThanOrEqual(turnBytes + turnBytes / 2)
    await connections.close()
    server.closeAllConnections()
    server.close()
  })
})

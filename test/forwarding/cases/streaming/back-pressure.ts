import { both, group } from '../case.ts'
import { Flow, flowBytes } from '../flow.ts'

const someBytes = 2 * 1024 * 1024

export const backPressure = group('streaming', 'RFC 9112 §9, RFC 9113 §5.2', both, {
  async 'A client that does not read holds its environment back until it does'(scene) {
    const { call, wire } = await scene.exchange()
    wire.send(`HTTP/1.1 200 OK\r\nContent-Length: ${flowBytes}\r\n\r\n`)
    // Not after the head has reached the client, which is a matter of its own.
    const flow = new Flow(wire.socket)
    await call.head()
    await flow.assertHeldBack(call.rest())
  },
  async 'An environment that does not read holds its client back until it does'(scene) {
    const client = await scene.client()
    const call = client.ask({ method: 'POST', open: flowBytes })
    const flow = new Flow(call.upload)
    const wire = await scene.environment.connection()
    await wire.head()
    await flow.assertHeldBack(wire.rest())
  },
  async 'A client that stops and goes gets all'(scene) {
    const { call, wire } = await scene.exchange()
    wire.send(`HTTP/1.1 200 OK\r\nContent-Length: ${someBytes}\r\n\r\n`)
    wire.send('x'.repeat(someBytes))
    await call.head()
    const rest = call.rest()
    let left = someBytes
    await new Promise<void>((resolve, reject) => {
      rest.on('data', (chunk: Buffer) => {
        left -= chunk.length
        if (left === 0) resolve()
        rest.pause()
        setImmediate(() => rest.resume())
      })
      rest.once('close', () => reject(new Error(`It ended ${left} bytes early`)))
      rest.resume()
    })
  },
})

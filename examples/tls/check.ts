import assert from 'node:assert/strict'
import { styleText } from 'node:util'
import { Authority } from './certificates.ts'
import { Client } from './client.ts'
import { domain, startGateway } from './gateway.ts'
import { startPayments } from './payments.ts'

/**
 * Asks the example's gateway as clients do, and prints what it finds.
 *
 * @returns whether all is well
 */
export async function check(print: (line: string) => void = console.log): Promise<boolean> {
  const known = await Authority.create('known')
  const internal = await Authority.create('internal')
  const wildcard = await known.forServer([`*.${domain}`, domain])
  const upstreamTls = { ca: internal.cert, ...(await internal.forClient('the gateway')) }
  const payments = await startPayments(internal)
  const gateway = await startGateway(0, { wildcard, upstreamTls }, payments.spec)
  const client = new Client(gateway.port, known.cert)
  const { port } = gateway
  let passed = true
  const expect = async (what: string, holds: () => Promise<void>): Promise<void> => {
    try {
      await holds()
      print(`  ${styleText('green', '✔')} ${what}`)
    } catch (error) {
      passed = false
      print(`  ${styleText('red', '✘')} ${what}  ${styleText('red', String(error))}`)
    }
  }
  try {
    await expect('one certificate is enough for two environments, over HTTP/2', async () => {
      for (const id of ['pr-1', 'pr-2']) {
        const page = `${id} was asked for https://${id}.${domain}:${port}/\n`
        assert.deepEqual(await client.get(id), [200, page])
      }
    })
    await expect('clients that know HTTP/1.1 alone are served at the same port', async () => {
      const page = `pr-1 was asked for https://pr-1.${domain}:${port}/\n`
      assert.deepEqual(await client.getHttp1('pr-1'), [200, page])
    })
    await expect('so are WebSockets', async () => {
      assert.equal(await client.send('pr-1', 'hello'), 'hello')
    })
    await expect('an environment over TLS is trusted, and trusts the gateway', async () => {
      assert.deepEqual(await client.get('payments'), [200, 'payments was asked by the gateway\n'])
    })
    await expect('it answers no gateway without a certificate', async () => {
      const stranger = { wildcard, upstreamTls: { ca: internal.cert } }
      // Its probe would ask again and again; without one, the first request is told.
      const spec = { ...payments.spec, policy: {} }
      const other = await startGateway(0, stranger, spec)
      try {
        const [status, body] = await new Client(other.port, known.cert).get('payments')
        assert.equal(status, 502)
        assert.match(body, /asks for a certificate, and the gateway has none for it/)
      } finally {
        await other.close()
      }
    })
  } finally {
    await gateway.close()
    await payments.close()
  }
  return passed
}

// node scripts/run.mjs --build node examples/tls/main.ts [--port <number>] [--check]
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { Authority } from './certificates.ts'
import { check } from './check.ts'
import { domain, startGateway } from './gateway.ts'
import { startPayments } from './payments.ts'

const { values } = parseArgs({
  options: { port: { type: 'string', default: '8443' }, check: { type: 'boolean' } },
})
try {
  if (values.check) process.exitCode = (await check()) ? 0 : 1
  else await serve(Number(values.port))
} catch (error) {
  console.error((error as Error).message)
  process.exitCode = 1
}

async function serve(wanted: number): Promise<void> {
  // Stands for the one that browsers know: Let's Encrypt, or the company's.
  const known = await Authority.create('Alcove example, known')
  // Stands for the company's own, that services know each other by.
  const internal = await Authority.create('Alcove example, internal')

  const certificates = {
    wildcard: await known.forServer([`*.${domain}`, domain]),
    upstreamTls: { ca: internal.cert, ...(await internal.forClient('the gateway')) },
  }
  const payments = await startPayments(internal)
  const gateway = await startGateway(wanted, certificates, payments.spec).catch(
    async (error: unknown) => {
      await payments.close()
      throw error
    },
  )
  const folder = mkdtempSync(join(tmpdir(), 'alcove-tls-'))
  const file = join(folder, 'ca.pem')
  writeFileSync(file, known.cert)
  const { port } = gateway
  const ask = (id: string): string =>
    `  curl --cacert ${file} --resolve '${id}.${domain}:${port}:127.0.0.1' https://${id}.${domain}:${port}/`
  console.log(`
  Alcove is serving *.${domain} on port ${port}, with a certificate that is made for this run.

${ask('pr-42')}
${ask('payments')}

  A browser will warn of it at https://pr-42.${domain}:${port}/. Ctrl-C ends all.
`)

  let ending = false
  const end = async (): Promise<void> => {
    if (ending) process.exit(1)
    ending = true
    rmSync(folder, { recursive: true, force: true })
    await gateway.close()
    await payments.close()
  }
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.on(signal, () => void end())
}

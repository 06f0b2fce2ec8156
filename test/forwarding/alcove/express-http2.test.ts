import { execFile } from 'node:child_process'
import { expect, it } from 'vitest'

/** Express 5 over HTTP/2, without Alcove: one request to the least of all applications. */
const program = `
import express from 'express'
import { connect, createServer } from 'node:http2'
const app = express().use((request, response) => void response.end('hello'))
const server = createServer(app).listen(0, '127.0.0.1', () => {
  const client = connect(\`http://127.0.0.1:\${server.address().port}\`)
  const stream = client.request({ ':path': '/' })
  stream.on('data', (chunk) => {
    process.stdout.write(chunk)
    process.exit()
  })
})
setTimeout(() => process.exit(), 10_000).unref()
`

it('Express 5 does not run over HTTP/2, which is why Alcove in it is not asked over that', async () => {
  const { stdout, stderr, code } = await new Promise<{
    readonly stdout: string
    readonly stderr: string
    readonly code: number | null
  }>((resolve) => {
    const args = ['--input-type=module', '--eval', program]
    const child = execFile(process.execPath, args, (_error, out, err) => {
      resolve({ stdout: out, stderr: err, code: child.exitCode })
    })
  })
  expect(stdout).toBe('')
  expect(code).toBe(1)
  // An IncomingMessage and a ServerResponse of node:http, made of what belongs to node:http2.
  expect(stderr).toMatch(/TypeError: [\s\S]*at (IncomingMessage|ServerResponse)\./)
})

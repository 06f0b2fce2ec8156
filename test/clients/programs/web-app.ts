// An environment of Express 5, with what clients of all kinds ask a server for.
import { createHash } from 'node:crypto'
import { createServer } from 'node:http'
import { pipeline } from 'node:stream'
import { createBrotliCompress, createDeflate, createGzip, createZstdCompress } from 'node:zlib'
import express from 'express'
import { WebSocketServer } from 'ws'
import { NamedStreams } from './named-streams.ts'

const [id = ''] = process.argv.slice(2)
const app = express()
const streams = new NamedStreams()

app.get('/', (_request, response) => {
  response.send(`<!doctype html><title>${id}</title><p id="environment">${id}</p>`)
})

app.all('/fields', express.text({ type: () => true }), (request, response) => {
  const { method, originalUrl: target, headers } = request
  response.json({ id, method, target, headers, body: request.body as unknown })
})

app.post('/echo', (request, response) => {
  response.type(request.headers['content-type'] ?? 'bin')
  pipeline(request, response, () => {})
})

app.post('/digest', (request, response) => {
  const hash = createHash('sha256')
  let bytes = 0
  request.on('data', (chunk: Buffer) => {
    bytes += chunk.length
    hash.update(chunk)
  })
  request.on('end', () => response.json({ bytes, sha256: hash.digest('hex') }))
})

// Tells each piece as it comes.
app.post('/pieces', (request, response) => {
  request.on('data', (chunk: Buffer) => console.log('got', chunk.toString()))
  request.on('end', () => response.send('all'))
  request.on('error', () => console.log('broken off'))
})

app.post('/unwanted', (_request, response) => {
  response.status(413).send('too much')
})

app.post('/dies', (request) => {
  request.once('data', () => request.socket.destroy())
})

// Never answered.
app.get('/waits', (_request, response) => {
  console.log('waits')
  response.on('close', () => console.log('waits no more'))
})

app.get('/streams/:name', (request, response) => {
  const after = request.get('last-event-id')
  if (after !== undefined) console.log('after', after)
  const type = request.get('accept') === 'text/event-stream' ? 'text/event-stream' : 'text/plain'
  streams.open(request.path, response, type)
})
app.post('/streams/:name', (request, response) => streams.write(request, response))

app.all('/moved/:status', (request, response) => {
  response.redirect(Number(request.params['status']), '/fields')
})
app.all('/moved-absolutely/:status', (request, response) => {
  // As frameworks do that make absolute links of what they are asked.
  const here = `${request.get('x-forwarded-proto') ?? ''}://${request.get('host') ?? ''}`
  response.redirect(Number(request.params['status']), `${here}/fields`)
})

const codings = {
  gzip: createGzip,
  deflate: createDeflate,
  br: createBrotliCompress,
  zstd: createZstdCompress,
}
app.get('/packed/:coding', (request, response) => {
  const coding = request.params.coding as keyof typeof codings
  response.set({ 'content-encoding': coding, 'content-type': 'text/plain' })
  const packer = codings[coding]()
  pipeline(packer, response, () => {})
  packer.end('so much of the same '.repeat(10_000))
})

app.get('/file', (_request, response) => {
  response.sendFile(import.meta.filename, { headers: { 'content-type': 'text/plain' } })
})

app.get('/megabytes', (_request, response) => {
  response.send(Buffer.alloc(2 ** 20, 'so much of the same '))
})

app.get('/trailers', (_request, response) => {
  response.writeHead(200, { trailer: 'x-sum' })
  response.write('in pieces, ')
  response.addTrailers({ 'x-sum': '42' })
  response.end('and summed up')
})

app.get('/cookies', (_request, response) => {
  response.cookie('session', `secret of ${id}`, { httpOnly: true })
  response.cookie('theme', `of-${id}`)
  response.send('set')
})

const server = createServer(app)
const sockets = new WebSocketServer({ server })
sockets.on('connection', (socket) => {
  socket.on('message', (data, binary) => {
    const [word, code, reason] = (data as Buffer).toString().split(' ')
    if (word === '!close') socket.close(Number(code), reason)
    else socket.send(data, { binary })
  })
  socket.on('close', (code, reason) => console.log('socket closed', code, String(reason)))
})
server.listen(process.env['PORT'])

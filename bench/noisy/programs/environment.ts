// What is behind the gateways:
//   GET /         the cheap handler
//   GET /burn     keeps the processor for 5 ms first
//   GET /large    4 MiB: more than the kernel's buffers on the way take off a sender's hands
//   POST /upload  reads the body
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { listen } from './listen.ts'

const burnMs = 5
const large = Buffer.alloc(4 * 1024 * 1024, 'a')

listen(createServer(answer))

function answer(request: IncomingMessage, response: ServerResponse): void {
  if (request.url === '/large') {
    response.end(large)
  } else if (request.url === '/upload') {
    request.resume().once('end', () => response.end('Thanks'))
    request.once('error', () => {})
  } else {
    if (request.url === '/burn') burn()
    response.end('Hello')
  }
}

function burn(): void {
  const until = performance.now() + burnMs
  while (performance.now() < until);
}

import { createServer } from 'node:http'

createServer((_request, response) => response.end('Hello')).listen(process.env['PORT'])

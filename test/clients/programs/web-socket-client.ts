// A client that somebody kills: opens the WebSocket that it is told to, says hello, and waits.
import { WebSocket } from 'ws'

const [url = '', id = ''] = process.argv.slice(2)
const socket = new WebSocket(url, { headers: { 'x-env-id': id } })
socket.on('open', () => socket.send('hello'))
socket.on('message', (data) => console.log((data as Buffer).toString()))

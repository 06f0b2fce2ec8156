globalThis.T?.push(process.hrtime.bigint())
import express from 'express'
const t1 = process.hrtime.bigint()
const app = express()
app.get('/', (_request, response) => { response.send('Hello'); const T = globalThis.T; if (T) { T.push(process.hrtime.bigint()); console.log('T', T.slice(1).map((t, i) => (Number(t - T[i]) / 1e6).toFixed(2)).join(' ')) } })
app.listen(process.env['PORT'], () => globalThis.T?.push(process.hrtime.bigint()))
globalThis.T?.push(t1, process.hrtime.bigint())

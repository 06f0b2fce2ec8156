import express from 'express'

const app = express()
const startedAt = new Date().toLocaleTimeString()

app.get('/', (_request, response) => {
  response.send(`<!doctype html>
<title>express · Alcove demo</title>
<body style="margin: 4rem auto; max-width: 40rem; font: 1.1rem/1.5 system-ui">
<h1>Express</h1>
<p>Process ${process.pid}, started at ${startedAt}.</p>
<p><a href="/crash">Crash it</a>, and come back: the next request starts it again.</p>
`)
})

app.get('/crash', () => {
  console.error('Somebody followed the link to /crash')
  process.exit(1)
})

// A Unix socket's path, which the gateway has chosen.
app.listen(process.env['PORT'])

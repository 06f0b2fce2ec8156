import express from 'express'

const app = express()
app.get('/', (_request, response) => response.send('Hello'))
app.listen(process.env['PORT'])

// Alcove in Express 5, set up as http-proxy-middleware's is.
import { devEnvProxy } from '@alcove/express-adapter'
import express from 'express'
import { listenTo, options } from './alcove-options.ts'
import { serve } from './serve.ts'

const proxy = devEnvProxy(options)
listenTo(proxy.manager)
const app = express()
app.disable('x-powered-by')
app.use(proxy)
proxy.attach(serve(app))

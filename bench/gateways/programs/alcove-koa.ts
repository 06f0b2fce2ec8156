// Alcove in Koa 3.
import { devEnvProxy } from '@alcove/koa-adapter'
import Koa from 'koa'
import { listenTo, options } from './alcove-options.ts'
import { serve } from './serve.ts'

const proxy = devEnvProxy(options)
listenTo(proxy.manager)
const app = new Koa()
app.use(proxy)
const handle = app.callback()
proxy.attach(serve((request, response) => void handle(request, response)))

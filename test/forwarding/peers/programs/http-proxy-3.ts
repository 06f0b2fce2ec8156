// http-proxy-3, set up as http-proxy is, since it has the same options and events. Its way through fetch is left alone:
// it is for targets that speak HTTP/2, and takes no upgrades.
import { Agent } from 'node:http'
import { createProxyServer } from 'http-proxy-3'
import { serveHttpProxy } from './http-proxy-server.ts'
import { serve } from './serve.ts'

serve((setup) => serveHttpProxy(createProxyServer, new Agent({ keepAlive: true }), setup))

import httpProxy from 'http-proxy'
import { serveHttpProxy } from './http-proxy-server.ts'

serveHttpProxy(httpProxy.createProxyServer)

// Its way through fetch is left alone: it is for targets that speak HTTP/2.
import { createProxyServer } from 'http-proxy-3'
import { serveHttpProxy } from './http-proxy-server.ts'

serveHttpProxy(createProxyServer)

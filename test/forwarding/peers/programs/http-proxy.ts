// http-proxy, as its README shows it with a server of one's own and with WebSockets. What is set, and why:
// - agent: a keep-alive one, without which each request opens a connection, and each client is told to close its own;
// - xfwd: it adds no X-Forwarded-* without;
// - autoRewrite and cookieDomainRewrite for the target's own address: it rewrites nothing by itself;
// - ws: the upgrade event is handed on, as its README says;
// - an error handler, which its README leaves to the host;
// - no timeouts: it sets none by itself, so that streams may be idle.
import { Agent } from 'node:http'
import httpProxy from 'http-proxy'
import { serveHttpProxy } from './http-proxy-server.ts'
import { serve } from './serve.ts'

serve((setup) => serveHttpProxy(httpProxy.createProxyServer, new Agent({ keepAlive: true }), setup))

/** It brings no types; http-proxy-3 has the same interface. */
declare module 'http-proxy' {
  const httpProxy: Pick<typeof import('http-proxy-3'), 'createProxyServer'>
  export default httpProxy
}

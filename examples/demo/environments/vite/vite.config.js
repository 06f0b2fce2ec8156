/** @type {import('vite').UserConfig} */
export default {
  server: {
    // Vite answers *.localhost without being told; a domain of your own has to be named here.
    allowedHosts: ['.localhost'],
  },
  // Nothing to pre-bundle, so no cache is written.
  optimizeDeps: { noDiscovery: true },
}

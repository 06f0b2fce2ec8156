import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

const source = (path: string): string => fileURLToPath(new URL(`packages/${path}`, import.meta.url))

export default defineConfig({
  resolve: {
    // Tests run the sources; `npm run test:pack` runs what is published.
    alias: {
      '@alcove/core/testing': source('core/src/testing/index.ts'),
      '@alcove/core': source('core/src/index.ts'),
      '@alcove/express-adapter': source('express-adapter/src/index.ts'),
      '@alcove/koa-adapter': source('koa-adapter/src/index.ts'),
    },
  },
  test: {
    include: ['packages/*/src/**/*.test.ts', 'test/**/*.test.ts'],
    // Processes of their own, as a gateway is: signals, exits and environment variables are real.
    pool: 'forks',
    testTimeout: 20_000,
    globalSetup: ['test/leftovers/global-setup.ts'],
    setupFiles: ['test/leftovers/each-file.ts'],
  },
})

import { describe, it } from 'vitest'
import { describeCoordinator } from '../testing/coordinator-conformance.js'
import { inMemoryCoordinator } from './in-memory.js'

describeCoordinator({ describe, it }, 'inMemoryCoordinator()', {
  make: async () => ({ coordinator: inMemoryCoordinator(), dispose: async () => {} }),
})

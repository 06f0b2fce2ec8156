import { EnvironmentRecord } from '../environment/environment.js'
import type { Instance } from '../instance/instance.js'
import type { WaitList } from '../instance/wait-list.js'
import type { Replacement } from './replacement.js'
import type { Opening, OpeningRequest } from './opening.js'

/** An environment as the manager keeps it. */
export class ManagedEnvironment extends EnvironmentRecord<
  Instance,
  WaitList,
  Opening,
  OpeningRequest,
  Replacement
> {}

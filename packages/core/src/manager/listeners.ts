import type { ManagerEvents } from '../events.js'

/** Those who are told a manager's events. */
export interface ManagerListeners {
  emit<Name extends keyof ManagerEvents>(name: Name, ...event: ManagerEvents[Name]): void
  /** Whether anybody listens to an event. */
  hears(name: keyof ManagerEvents): boolean
}

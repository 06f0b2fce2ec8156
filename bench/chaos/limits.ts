/** The gateway's timeouts in a run: short, so that each is reached, and long beside what a program needs to start. */
export const limits = {
  capacityTimeoutMs: 2_000,
  startTimeoutMs: 4_000,
  readyTimeoutMs: 4_000,
  graceMs: 300,
  connectTimeoutMs: 2_000,
  headersTimeoutMs: 2_500,
  streamIdleTimeoutMs: 2_500,
  requestTimeoutMs: 5_000,
  queueTimeoutMs: 2_500,
  upgradeIdleTimeoutMs: 2_500,
  idleTimeoutMs: 1_500,
  // So that freezing and thawing meet requests, kills, and each other.
  suspendAfterMs: 40,
  initialBackOffMs: 50,
  maxBackOffMs: 400,
} as const

/** How long what is in use may go on where the run stops or restarts an environment. */
export const drainMs = 300

/** How long the other side of a connection that was told to end may take: `Tunnels` in core's forwarding. */
const tunnelEndMs = 1_000

// What is ahead of a start in the queue of starts, and the start itself.
const startsInTurn = 2
const startMs =
  limits.capacityTimeoutMs +
  drainMs +
  limits.graceMs +
  startsInTurn * (limits.startTimeoutMs + limits.readyTimeoutMs)

/** How long a request may take from its first byte to the head of its answer: one that could not be connected is tried twice. */
export const headDueMs =
  2 * (startMs + limits.queueTimeoutMs) + limits.connectTimeoutMs + limits.requestTimeoutMs

/** How long an answer may take from its head on. */
export const bodyDueMs = limits.requestTimeoutMs

/** How long nothing may come of what has no end of its own. */
export const quietDueMs = {
  events: limits.streamIdleTimeoutMs,
  socket: limits.upgradeIdleTimeoutMs + tunnelEndMs,
} as const

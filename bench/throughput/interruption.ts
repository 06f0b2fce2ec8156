/** Aborts where this process is told to end, so that all that was started is ended first; told again, it ends at once. */
export function interruption(): { readonly signal: AbortSignal } {
  const interrupted = new AbortController()
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(name, () => {
      if (interrupted.signal.aborted) process.exit(130)
      interrupted.abort(new Error(`The run was ended by ${name}`))
    })
  }
  return interrupted
}

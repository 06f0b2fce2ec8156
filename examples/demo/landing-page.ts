import type { EnvironmentManager } from '@alcove/core'
import type { DemoEnvironments } from './environments.ts'

/** Where an environment is found. */
export const urlOf = (id: string, port: number): string => `http://${id}.localhost:${port}/`

/** The host's own page: which environments there are, and what they are doing. */
export function landingPage(
  environments: DemoEnvironments,
  manager: EnvironmentManager,
  port: number,
): string {
  const rows = [...environments].map(
    ([id, { about }]) =>
      `<tr><td><a href="${urlOf(id, port)}">${id}</a><td>${about}<td>${manager.explain(id).state}`,
  )
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta http-equiv="refresh" content="2">
<title>Alcove demo</title>
<style>
  body { margin: 4rem auto; max-width: 40rem; font: 1.1rem/1.5 system-ui }
  td { padding: .25rem 2rem .25rem 0 }
</style>
<h1>Alcove demo</h1>
<p>Each environment starts with its first request, and is stopped when nobody uses it.</p>
<table>${rows.join('')}</table>
`
}

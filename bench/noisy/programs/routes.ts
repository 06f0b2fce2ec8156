/** The field that names the environment, for all gateways. */
export const environmentField = 'x-env-id'

/** Ports of environments by their names, as the words that a gateway's program is started with. */
export type Routes = ReadonlyMap<string, number>

export function routesOf(word: string | undefined): Routes {
  return new Map(Object.entries(JSON.parse(word ?? '{}') as Record<string, number>))
}

export function routesWord(routes: Routes): string {
  return JSON.stringify(Object.fromEntries(routes))
}

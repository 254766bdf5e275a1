/** AppSearch is what an App page keeps in its address. */
export interface AppSearch {
  tab?: string
  o?: string // the object in the drawer, by its ID
  drawer?: string // the drawer's part: why, live, diff, events, logs
  q?: string
  left?: string
  right?: string
  [key: string]: string | undefined
}

/** appSearch keeps every string parameter. */
export function appSearch(raw: Record<string, unknown>): AppSearch {
  const out: AppSearch = {}
  for (const [k, v] of Object.entries(raw)) if (typeof v === 'string' && v !== '') out[k] = v
  return out
}

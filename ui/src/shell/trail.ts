// The list that somebody came from, so that the next and the previous App of it are one key away. It lasts as long as the
// page is loaded; the App's own address says all that the App's page shows.

interface Named {
  namespace: string
  name: string
}

/** Trail is a list of Apps in its order, and where it stands: the search of /apps, or undefined for the overview. */
interface Trail {
  apps: readonly Named[]
  search: Record<string, string> | undefined
}

let last: Trail = { apps: [], search: undefined }

/** leaveTrail keeps the list that is shown now. */
export function leaveTrail(apps: readonly Named[], search: Trail['search']) {
  last = { apps, search }
}

export interface Neighbours {
  before: Named | undefined
  after: Named | undefined
  /** The place in the list, from 1, and how many are known of it. */
  at: number
  of: number
  search: Trail['search']
}

/** neighbours are those of one App in the list that was shown last; undefined where it is not in it, or alone. */
export function neighbours(app: Named): Neighbours | undefined {
  const i = last.apps.findIndex((a) => a.name === app.name && a.namespace === app.namespace)
  if (i < 0 || last.apps.length < 2) return undefined
  return { before: last.apps[i - 1], after: last.apps[i + 1], at: i + 1, of: last.apps.length, search: last.search }
}

import type { InfiniteData } from '@tanstack/react-query'
import type { AppPage, AppRow, AppsDelta, Wall } from '../api/types'

export const keyOf = (row: Pick<AppRow, 'namespace' | 'name'>) => `${row.namespace}/${row.name}`

/**
 * patchPages puts the newest rows of a delta in the place of those that are shown, and takes out those that are gone. It
 * does not move rows or bring new ones: which those are, and where, the server knows; `stale` says that it should be asked.
 */
export function patchPages(data: InfiniteData<AppPage> | undefined, delta: AppsDelta): { data: InfiniteData<AppPage> | undefined; stale: boolean } {
  if (!data) return { data, stale: false }
  const rows = new Map((delta.rows ?? []).map((r) => [keyOf(r), r]))
  const gone = new Set(delta.gone ?? [])
  let touched = false
  let stale = false
  const pages = data.pages.map((page) => {
    let changed = false
    const items: AppRow[] = []
    for (const old of page.items) {
      const key = keyOf(old)
      if (gone.has(key)) {
        changed = stale = true
        continue
      }
      const row = rows.get(key)
      if (row) {
        rows.delete(key)
        changed = true
        if (row.state !== old.state) stale = true
        items.push(row)
      } else items.push(old)
    }
    if (!changed) return page
    touched = true
    return { ...page, items }
  })
  if (rows.size > 0) stale = true // it may belong here now
  return { data: touched ? { ...data, pages } : data, stale }
}

/** patchWall brings the counts and the rows under "needs you" up to date. The cells are drawn anew by the server. */
export function patchWall(wall: Wall | undefined, delta: AppsDelta, unfiltered: boolean): Wall | undefined {
  if (!wall) return wall
  const rows = new Map((delta.rows ?? []).map((r) => [keyOf(r), r]))
  const gone = new Set(delta.gone ?? [])
  const problems = wall.problems.filter((p) => !gone.has(keyOf(p)) && rows.get(keyOf(p))?.state !== 'Synced').map((p) => rows.get(keyOf(p)) ?? p)
  return { ...wall, problems, counts: unfiltered && delta.counts ? delta.counts : wall.counts }
}

/** oldest is the `<epoch>-<seq>` of the oldest of what was read: pages of a list, walls. Of several runs of the server, the first counts. */
export function oldest(read: readonly unknown[]): string | undefined {
  let least: { epoch: string; seq: number } | undefined
  for (const one of read.flatMap((d) => ((d as Partial<InfiniteData<unknown>> | undefined)?.pages ?? [d]) as unknown[])) {
    const { epoch, seq } = (one ?? {}) as { epoch?: unknown; seq?: unknown }
    if (typeof epoch !== 'string' || epoch === '' || typeof seq !== 'number') continue
    if (!least || (epoch === least.epoch && seq < least.seq)) least = { epoch, seq }
  }
  return least && `${least.epoch}-${least.seq}`
}

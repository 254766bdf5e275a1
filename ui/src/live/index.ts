import type { InfiniteData, Query, QueryClient } from '@tanstack/react-query'
import { useEffect, useSyncExternalStore } from 'react'
import { apiURL } from '../api/client'
import { forgetSession, onSession, sessionState, signedOut } from '../api/session'
import type { AppPage, AppRow, AppsDelta, Wall } from '../api/types'
import { keyOf, oldest, patchPages, patchWall } from './patch'
import type { Message, Status } from './protocol'
import { openTransport, type Transport } from './transport'

export type { Status } from './protocol'

let status: Status = { kind: 'idle' }
const statusListeners = new Set<() => void>()
const deltaListeners = new Set<(d: AppsDelta) => void>()
let send: Transport | undefined

/** How long lists that the stream made stale wait before they are read again, so that a storm costs one read in two seconds. */
const SETTLE = 2000

/** startLive connects when somebody is signed in, and keeps the cached Apps up to date. */
export function startLive(client: QueryClient) {
  const again = new Set<string>()
  let timer: ReturnType<typeof setTimeout> | undefined
  const refresh = () => {
    timer = undefined
    if (document.hidden) return // when the tab is looked at again
    for (const key of again) void client.invalidateQueries({ queryKey: JSON.parse(key) as string[] })
    again.clear()
  }
  const soon = (key: readonly unknown[]) => {
    again.add(JSON.stringify(key))
    timer ??= setTimeout(refresh, SETTLE)
  }
  document.addEventListener('visibilitychange', () => {
    if (!document.hidden && again.size > 0 && !timer) timer = setTimeout(refresh, 100)
  })

  let blind = false // begun without knowing what was read before
  let waiting: (() => void) | undefined
  const take = (m: Message) => {
    if (m.kind === 'status') {
      const before = status.kind
      status = m.status
      statusListeners.forEach((f) => f())
      if (m.status.kind === 'out') signedOut(m.status.problem)
      // Somebody signed in again in another tab of this browser.
      if (m.status.kind === 'live' && before === 'out' && sessionState().status === 'out') forgetSession()
      // What a page without a list read before the stream began may be old by now.
      if (m.status.kind === 'live' && blind) {
        blind = false
        void client.invalidateQueries({ predicate: (q) => q.queryKey[0] === 'app' && q.queryKey.length === 3 && q.state.dataUpdatedAt > 0 })
      }
      // Pages that could not be read while the server was away are read now.
      if (m.status.kind === 'live' && before === 'down') void client.invalidateQueries({ predicate: (q) => q.state.status === 'error' })
    } else if (m.kind === 'reset') {
      void client.invalidateQueries({ predicate: (q) => q.queryKey[0] === 'apps' || q.queryKey[0] === 'app' })
    } else {
      apply(client, m.delta, soon)
      deltaListeners.forEach((f) => f(m.delta))
    }
  }
  const start = (since: string | undefined) => {
    waiting?.()
    waiting = undefined
    blind = since === undefined
    send?.({ kind: 'start', url: apiURL('stream'), since })
  }
  const follow = () => {
    if (sessionState().status !== 'in') return
    send ??= openTransport(take)
    waiting?.()
    waiting = firstPage(client, start)
  }
  onSession(follow)
  follow()
}

/** How long the stream waits for the first list. A page that has none does without. */
const FIRST = 1000

/** firstPage calls start once: with the ID of the oldest list that was read, as soon as there is one, or without. The answer ends the wait. */
function firstPage(client: QueryClient, start: (since: string | undefined) => void): () => void {
  const cache = client.getQueryCache()
  const look = () => {
    const since = oldest(cache.findAll({ queryKey: ['apps'] }).map((q) => q.state.data))
    if (since !== undefined) start(since)
    return since !== undefined
  }
  if (look()) return () => {}
  const off = cache.subscribe((e) => void (e.type === 'updated' && e.action.type === 'success' && e.query.queryKey[0] === 'apps' && look()))
  const timer = setTimeout(() => start(undefined), FIRST)
  return () => {
    off()
    clearTimeout(timer)
  }
}

function apply(client: QueryClient, delta: AppsDelta, soon: (key: readonly unknown[]) => void) {
  const lists = client.getQueryCache().findAll({ queryKey: ['apps', 'list'], type: 'active' })
  for (const q of lists as Query<unknown, Error, InfiniteData<AppPage>>[]) {
    const { data, stale } = patchPages(q.state.data, delta)
    if (data !== q.state.data) client.setQueryData(q.queryKey, data, { updatedAt: q.state.dataUpdatedAt })
    if (stale) soon(q.queryKey)
  }
  for (const q of client.getQueryCache().findAll({ queryKey: ['apps', 'wall'], type: 'active' })) {
    client.setQueryData(q.queryKey, (w: Wall | undefined) => patchWall(w, delta, !q.queryKey[3]))
    soon(q.queryKey)
  }
  soon(['apps', 'facets'])
  soon(['apps', 'matrix'])
  for (const row of delta.rows ?? []) {
    const key = ['app', row.namespace, row.name]
    if (client.getQueryData(key)) client.setQueryData(key, (old: AppRow | undefined) => ({ ...old, ...row }))
    if (client.getQueryCache().findAll({ queryKey: key, type: 'active' }).length > 0) soon(key)
  }
}

/** useStatus is how the connection is. */
export function useStatus(): Status {
  return useSyncExternalStore(
    (f) => {
      statusListeners.add(f)
      return () => statusListeners.delete(f)
    },
    () => status,
  )
}

/** retryNow is a person's wish to be connected again without waiting. */
export function retryNow() {
  send?.({ kind: 'retry' })
}

/** hangUp ends the stream of all tabs: when somebody signs out. */
export function hangUp() {
  send?.({ kind: 'stop' })
}

/** useDelta calls f for each change that the stream tells. */
export function useDelta(f: (d: AppsDelta) => void) {
  useEffect(() => {
    deltaListeners.add(f)
    return () => {
      deltaListeners.delete(f)
    }
  }, [f])
}

/**
 * pollWhileLive is a refetchInterval for what the stream does not tell (Pods, events): every ms milliseconds, but only in a
 * visible tab and while the server answers.
 */
export function pollWhileLive(ms: number): () => number | false {
  return () => (status.kind === 'live' && !document.hidden ? ms : false)
}

export { keyOf }

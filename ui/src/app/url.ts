import { useLocation, useNavigate, useParams } from '@tanstack/react-router'
import { useCallback, useMemo } from 'react'
import { enc } from '../api/client'
import type { AppSearch } from './search'

/** The parts of an App page, in the order of their keys 1 to 9. */
export const tabs = [
  { id: 'graph', label: 'Graph' },
  { id: 'list', label: 'List' },
  { id: 'diff', label: 'Diff' },
  { id: 'timeline', label: 'Timeline' },
  { id: 'drift', label: 'Drift' },
  { id: 'events', label: 'Events' },
  { id: 'logs', label: 'Logs' },
  { id: 'config', label: 'Configuration' },
] as const
export type TabID = (typeof tabs)[number]['id']

export const objectTabs = [
  { id: 'why', label: 'Why' },
  { id: 'live', label: 'YAML' },
  { id: 'diff', label: 'Diff' },
  { id: 'events', label: 'Events' },
  { id: 'logs', label: 'Logs' },
  { id: 'blame', label: 'Blame' },
] as const
export type ObjectTabID = (typeof objectTabs)[number]['id']

/** What an App page's address says: /a/:namespace/:name?tab= and, with a drawer, /a/:namespace/:name/o/:object?on=&tab= */
export interface Place {
  readonly namespace: string
  readonly name: string
  readonly tab: TabID
  /** The object in the drawer; 'app' is the App as a whole; '' none. */
  readonly object: string
  readonly objectTab: ObjectTabID
  readonly search: AppSearch
}

/** Which of a set of words an address says; the first where it says none of them. */
export function oneOf<const T extends readonly { id: string }[]>(set: T, said: string | undefined): T[number]['id'] {
  return set.find((t) => t.id === said)?.id ?? set[0]!.id
}

/** Reads the rest of a path after /a/:namespace/:name/. */
export function objectOf(splat: string | undefined): string {
  if (splat === undefined || !splat.startsWith('o/')) return ''
  return splat.slice(2)
}

export function placeOf(namespace: string, name: string, splat: string | undefined, search: AppSearch): Place {
  const object = objectOf(splat)
  return {
    namespace, name, search, object,
    tab: oneOf(tabs, object === '' ? search.tab : search.on),
    objectTab: oneOf(objectTabs, object === '' ? undefined : search.tab),
  }
}

/** Parameters that belong to one tab and are left behind with it. */
const local = ['left', 'right', 'q', 'container', 'side', 'field', 'previous', 'since', 'pick', 'type', 'about', 'quiet', 'only', 'stamps', 'wrap', 'act', 'of', 'every', 'by', 'kinds']

export interface Target {
  tab?: TabID
  object?: string
  objectTab?: ObjectTabID
  /** Set, or (undefined) taken out. */
  search?: Record<string, string | undefined>
}

export interface Address {
  readonly path: string
  readonly search: AppSearch
}

/** The address of another place of the same App. What the target does not name stays. */
export function addressOf(from: Place, to: Target): Address {
  const tab = to.tab ?? from.tab
  const object = to.object ?? from.object
  const objectTab = to.objectTab ?? (object === from.object ? from.objectTab : 'why')
  const search: AppSearch = { ...from.search }
  if (tab !== from.tab || object !== from.object || objectTab !== from.objectTab) for (const k of local) delete search[k]
  delete search.tab
  delete search.on
  for (const [k, v] of Object.entries(to.search ?? {})) {
    if (v === undefined || v === '') delete search[k]
    else search[k] = v
  }
  const base = '/a/' + enc`${from.namespace}/${from.name}`
  if (object === '') return { path: base, search: { ...(tab === 'graph' ? {} : { tab }), ...search } }
  const path = `${base}/o/${object.split('/').map(encodeURIComponent).join('/')}`
  return { path, search: { ...(objectTab === 'why' ? {} : { tab: objectTab }), ...(tab === 'graph' ? {} : { on: tab }), ...search } }
}

/** Where the page is, and how to go elsewhere on it. */
export function usePlace(): { place: Place; go: (to: Target, how?: 'push' | 'replace') => void; href: (to: Target) => string } {
  const params: { namespace?: string; name?: string; _splat?: string } = useParams({ strict: false })
  const search = useLocation({ select: (l) => l.search }) as AppSearch
  const navigate = useNavigate()
  const { namespace = '', name = '', _splat: splat } = params
  const place = useMemo(() => placeOf(namespace, name, splat, search), [namespace, name, splat, search])
  const go = useCallback(
    (to: Target, how: 'push' | 'replace' = 'push') => {
      const a = addressOf(place, to)
      void navigate({ to: a.path, search: a.search as never, replace: how === 'replace', resetScroll: false })
    },
    [place, navigate],
  )
  const href = useCallback((to: Target) => {
    const a = addressOf(place, to)
    const q = new URLSearchParams(Object.entries(a.search).filter((e): e is [string, string] => e[1] !== undefined)).toString()
    return new URL('.' + a.path + (q ? `?${q}` : ''), document.baseURI).toString()
  }, [place])
  return { place, go, href }
}

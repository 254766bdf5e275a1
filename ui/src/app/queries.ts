import { infiniteQueryOptions, keepPreviousData, queryOptions } from '@tanstack/react-query'
import { enc, get, post } from '../api/client'
import type { AppPage, AppRow } from '../api/types'
import { pollWhileLive } from '../live'
import type {
  AppConfig, AppView, Blame, Change, Comparison, Container, Deployment, Diff, Graph, Key, KubeEvent, List, Manifest, Plan, Reverted, Why,
} from './types'

// Everything about one App stands under ['app', namespace, name]: the live stream reads it again when the App changes.

/** What the server says of an App, and what the list's row adds to it. */
export type App = AppView & Partial<Omit<AppRow, keyof AppView>>

const at = (k: Key, rest: string) => enc`apps/${k.namespace}/${k.name}` + (rest === '' ? '' : '/' + rest)
const under = (k: Key, ...rest: unknown[]) => ['app', k.namespace, k.name, ...rest]

export const appView = (k: Key) =>
  queryOptions({
    queryKey: under(k),
    queryFn: async ({ signal }): Promise<App> => {
      // The list's row adds the commit, the cluster and the images. Without it the page is poorer, not broken.
      const row = get<AppPage>('apps', { filter: `app:${k.namespace}/${k.name}`, limit: 1 }, signal).catch(() => undefined)
      const [view, page] = await Promise.all([get<AppView>(at(k, ''), {}, signal), row])
      return { ...page?.items.find((r) => r.namespace === k.namespace && r.name === k.name), ...view }
    },
  })

/** The graph is asked again every few seconds while somebody looks and something moves: Pods are in no stream. */
export const graphQuery = (k: Key, expand: readonly string[], busy: Busy, lens = '') =>
  queryOptions({
    queryKey: under(k, 'graph', lens, expand),
    queryFn: ({ signal }) => get<Graph>(at(k, 'graph'), { expand, lens }, signal),
    placeholderData: keepPreviousData,
    refetchInterval: pollWhileLive(busy === 'busy' ? 2000 : 15_000),
  })
export type Busy = 'busy' | 'calm'

/** The states of other Apps, by namespace/name. Those that the reader may not see are not in it. */
export const appStatesQuery = (k: Key, apps: readonly string[]) =>
  queryOptions({
    queryKey: under(k, 'states of', ...apps),
    queryFn: async ({ signal }) => {
      const page = await get<AppPage>('apps', { filter: `app:${apps.join(',')}`, limit: 100, fields: 'state' }, signal)
      return new Map(page.items.map((r) => [`${r.namespace}/${r.name}`, r.state]))
    },
    refetchInterval: pollWhileLive(15_000),
  })

export const whyQuery = (k: Key, object: string) =>
  queryOptions({
    queryKey: under(k, 'why', object),
    queryFn: ({ signal }) => get<Why>(at(k, 'why'), { object: object === 'app' ? '' : object }, signal),
    refetchInterval: pollWhileLive(10_000),
  })

export interface Sides { left?: string | undefined; right?: string | undefined; quiet?: string | undefined }

export const diffQuery = (k: Key, s: Sides) =>
  infiniteQueryOptions({
    queryKey: under(k, 'diff', s),
    queryFn: ({ pageParam, signal }) => get<Diff>(at(k, 'diff'), { ...s, cursor: pageParam }, signal),
    initialPageParam: '',
    getNextPageParam: (page) => page.next || undefined,
    placeholderData: keepPreviousData,
  })

export const objectDiffQuery = (k: Key, object: string, left: string, right: string) =>
  queryOptions({ queryKey: under(k, 'diff-of', object, left, right), queryFn: ({ signal }) => get<Diff>(at(k, 'diff'), { object, left, right }, signal) })

export const manifestQuery = (k: Key, object: string, side: string) =>
  queryOptions({ queryKey: under(k, 'manifest', object, side), queryFn: ({ signal }) => get<Manifest>(at(k, 'manifest'), { object, side }, signal) })

export const blameQuery = (k: Key, object: string, field: string) =>
  queryOptions({ queryKey: ['blame', k.namespace, k.name, object, field], queryFn: ({ signal }) => get<Blame>(at(k, 'blame'), { object, field }, signal), staleTime: 60_000 })

export const eventsQuery = (k: Key, object: string) =>
  queryOptions({
    queryKey: under(k, 'events', object),
    queryFn: ({ signal }) => get<List<KubeEvent>>(at(k, 'events'), { object }, signal),
    refetchInterval: pollWhileLive(10_000),
  })

export const containersQuery = (k: Key, object: string) =>
  queryOptions({ queryKey: under(k, 'containers', object), queryFn: ({ signal }) => get<List<Container>>(at(k, 'logs/containers'), { object }, signal) })

export const deploymentsQuery = (k: Key) =>
  infiniteQueryOptions({
    queryKey: under(k, 'deployments'),
    queryFn: ({ pageParam, signal }) => get<List<Deployment>>(at(k, 'deployments'), { cursor: pageParam, limit: 50 }, signal),
    initialPageParam: '',
    getNextPageParam: (page) => page.next || undefined,
  })

export const comparisonQuery = (k: Key, left: string, right: string) =>
  queryOptions({ queryKey: under(k, 'compare', left, right), queryFn: ({ signal }) => get<Comparison>(at(k, 'deployments/compare'), { left, right }, signal) })

/** Drift, and what was done about it, of one App. */
export const driftQuery = (k: Key) =>
  infiniteQueryOptions({
    queryKey: under(k, 'drift'),
    queryFn: ({ pageParam, signal }) =>
      get<List<Change>>('changes', { app: `${k.namespace}/${k.name}`, kind: ['drift', 'healed', 'fight'], cursor: pageParam, limit: 50 }, signal),
    initialPageParam: '',
    getNextPageParam: (page) => page.next || undefined,
  })

/** Drift, and what people asked for, for the axis of time. */
export const axisQuery = (k: Key) =>
  infiniteQueryOptions({
    queryKey: under(k, 'axis'),
    queryFn: ({ pageParam, signal }) =>
      get<List<Change>>('changes', { app: `${k.namespace}/${k.name}`, kind: ['drift', 'healed', 'fight', 'request'], cursor: pageParam, limit: 100 }, signal),
    initialPageParam: '',
    getNextPageParam: (page) => page.next || undefined,
  })

export type AppSpec = Record<string, unknown>

export const configQuery = (k: Key) =>
  queryOptions({ queryKey: under(k, 'config'), queryFn: ({ signal }) => get<AppConfig>(at(k, 'config'), {}, signal) })

/** A plan is asked for anew each time it is opened. */
export const planQuery = (k: Key) =>
  queryOptions({ queryKey: ['plan', k.namespace, k.name], queryFn: () => post<Plan>(at(k, 'plan')), gcTime: 0, staleTime: Infinity })

export interface RevertWish { to?: string; shared?: '' | 'include' | 'skip'; preview?: boolean; message?: string }
export interface HoldWish { revision?: string; bundle?: string; reason?: string; until?: string }

/** What people ask for. Each answers once the wish is written; what becomes of it the App says. */
export const wishes = {
  sync: (k: Key, plan: string) => post<{ id: string }>(at(k, 'sync'), { plan }),
  refresh: (k: Key) => post<{ id: string }>(at(k, 'refresh')),
  cancel: (k: Key) => post<{ id: string }>(at(k, 'cancel')),
  suspend: (k: Key) => post<unknown>(at(k, 'suspend')),
  resume: (k: Key) => post<unknown>(at(k, 'resume')),
  hold: (k: Key, wish: HoldWish) => post<unknown>(at(k, 'hold'), wish),
  revert: (k: Key, wish: RevertWish) => post<Reverted>(at(k, 'revert'), wish),
}

export const logsPath = (k: Key) => at(k, 'logs')

import { queryOptions, infiniteQueryOptions, keepPreviousData } from '@tanstack/react-query'
import { enc, get } from './client'
import type { AppPage, AppRow, Can, Change, Channel, Cluster, DORA, Facets, List, Matrix, Me, Repository, SearchHit, Wall } from './types'

// Every list and page of the console by one key; the live stream patches what stands under 'apps', see src/live.

export interface ListQuery {
  filter?: string
  sort?: string
}

export const PAGE = 100

export const meQuery = queryOptions({ queryKey: ['me'], queryFn: ({ signal }) => get<Me>('me', {}, signal), staleTime: 300_000 })

export const appsQuery = ({ filter = '', sort = '' }: ListQuery, limit = PAGE) =>
  infiniteQueryOptions({
    queryKey: ['apps', 'list', { filter, sort, limit }],
    queryFn: ({ pageParam, signal }) => get<AppPage>('apps', { filter, sort, cursor: pageParam, limit }, signal),
    initialPageParam: '',
    getNextPageParam: (page) => page.next || undefined,
    placeholderData: keepPreviousData,
  })

export const matrixQuery = (filter = '') =>
  infiniteQueryOptions({
    queryKey: ['apps', 'matrix', filter],
    queryFn: ({ pageParam, signal }) => get<Matrix>('apps/matrix', { filter, cursor: pageParam, limit: PAGE }, signal),
    initialPageParam: '',
    getNextPageParam: (page) => page.next || undefined,
    placeholderData: keepPreviousData,
  })

export const facetsQuery = (filter = '') =>
  queryOptions({
    queryKey: ['apps', 'facets', filter],
    queryFn: ({ signal }) => get<Facets>('apps/facets', { filter }, signal),
    placeholderData: keepPreviousData,
  })

export const wallQuery = (group = 'cluster', filter = '') =>
  queryOptions({
    queryKey: ['apps', 'wall', group, filter],
    queryFn: ({ signal }) => get<Wall>('apps/wall', { group, filter }, signal),
    placeholderData: keepPreviousData,
  })

/** appQuery is one App's row. The App's page has its own queries under the same ['app', ns, name] prefix. */
export const appQuery = (namespace: string, name: string) =>
  queryOptions({
    queryKey: ['app', namespace, name],
    queryFn: ({ signal }) => get<AppRow>(enc`apps/${namespace}/${name}`, {}, signal),
  })

export const canQuery = (app: string | undefined, verbs: readonly string[]) =>
  queryOptions({
    queryKey: ['can', app ?? '', ...verbs],
    queryFn: ({ signal }) => get<Can>('me/can', { app, verb: verbs }, signal),
    staleTime: 60_000,
  })

export const changesQuery = (q: { filter?: string; kind?: string; app?: string }) =>
  infiniteQueryOptions({
    queryKey: ['changes', q],
    queryFn: ({ pageParam, signal }) => get<List<Change>>('changes', { ...q, kind: q.kind?.split(','), cursor: pageParam, limit: PAGE }, signal),
    initialPageParam: '',
    getNextPageParam: (page) => page.next || undefined,
    placeholderData: keepPreviousData,
  })

export const clustersQuery = queryOptions({ queryKey: ['clusters'], queryFn: ({ signal }) => get<List<Cluster>>('clusters', {}, signal) })
export const repositoriesQuery = queryOptions({ queryKey: ['repositories'], queryFn: ({ signal }) => get<List<Repository>>('repositories', {}, signal) })
export const channelsQuery = queryOptions({ queryKey: ['channels'], queryFn: ({ signal }) => get<List<Channel>>('channels', {}, signal) })
export const versionQuery = queryOptions({ queryKey: ['version'], queryFn: ({ signal }) => get<{ version: string }>('version', {}, signal), staleTime: Infinity })

export const doraQuery = (q: { filter?: string; app?: string; from?: string; to?: string }) =>
  queryOptions({ queryKey: ['dora', q], queryFn: ({ signal }) => get<DORA>('dora', q, signal), placeholderData: keepPreviousData, staleTime: 60_000 })

export const searchQuery = (q: string) =>
  queryOptions({
    queryKey: ['search', q],
    queryFn: ({ signal }) => get<List<SearchHit>>('search', { q, limit: 20 }, signal),
    placeholderData: keepPreviousData,
    staleTime: 5_000,
  })

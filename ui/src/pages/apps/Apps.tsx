import { useInfiniteQuery, useQuery } from '@tanstack/react-query'
import { getRouteApi, useNavigate } from '@tanstack/react-router'
import { memo, useCallback, useEffect, useMemo, useState } from 'react'
import { problemOf } from '../../api/client'
import { appsQuery, facetsQuery } from '../../api/queries'
import type { AppPage, AppRow, Facets } from '../../api/types'
import { Button, Icon, Num, Problem, Skeleton, T } from '../../components'
import { keyOf } from '../../live'
import { parseSearch } from '../../search'
import { useKeys } from '../../shell/keys'
import { Page } from '../../shell/Page'
import { scopeWords, useScope, within } from '../../shell/scope'
import { leaveTrail } from '../../shell/trail'
import { useSettled } from '../../shell/useSettled'
import { FirstApp } from '../FirstApp'
import { ViewsMenu } from '../views/ViewsMenu'
import { AppsGrid } from './AppsGrid'
import { AppsList } from './AppsList'
import { AppsMatrix } from './AppsMatrix'
import { ColumnChooser } from './ColumnChooser'
import { readColumns, type Column } from './columns'
import { FilterBar } from './FilterBar'
import { NoMatch } from './NoMatch'
import { SelectionBar } from './SelectionBar'
import css from './Apps.module.css'

const route = getRouteApi('/apps')
const views = [
  { id: 'list', label: 'List', icon: 'list' },
  { id: 'matrix', label: 'Matrix', icon: 'matrix' },
  { id: 'grid', label: 'Grid', icon: 'grid' },
] as const
const sorts = [
  ['state', 'Worst first'],
  ['name', 'Name'],
  ['-name', 'Name, backwards'],
  ['deployed', 'Last deployed'],
  ['cluster', 'Cluster'],
] as const
/** What many look for; as queries, which is what saved views are too. */
const common = [
  ['Needs attention', 'filter=state:failed,degraded,drifted,unknown'],
  ['Waits for somebody', 'filter=state:waiting'],
  ['Deploying now', 'filter=state:deploying'],
  ['Deployed in the last hour', 'filter=deployed:<1h'],
  ['Not deployed for 30 days', 'filter=deployed:>30d'],
] as const

type ViewName = (typeof views)[number]['id']

/** useShown is what the address says to show, and how to change it. */
function useShown() {
  const search = route.useSearch()
  const navigate = useNavigate({ from: '/apps' })
  const view: ViewName = views.find((v) => v.id === search.view)?.id ?? 'list'
  const keep = useCallback((f: string) => void navigate({ search: (s) => ({ ...s, filter: f || undefined }), replace: true, resetScroll: false }), [navigate])
  const [filter, setFilter] = useTyped(search.filter ?? '', keep)
  const setSort = useCallback((v: string) => void navigate({ search: (s) => ({ ...s, sort: v === 'state' ? undefined : v }), replace: true }), [navigate])
  return {
    view,
    filter,
    sort: search.sort ?? '',
    columns: useMemo(() => readColumns(search.columns), [search.columns]),
    setFilter,
    setSort,
    setView: (v: ViewName) => void navigate({ search: (s) => ({ ...s, view: v === 'list' ? undefined : v }), replace: true }),
    setColumns: (columns: string | undefined) => void navigate({ search: (s) => ({ ...s, columns }), replace: true, resetScroll: false }),
  }
}

/** useTyped is a value of the address that changes faster than the address does: it follows when somebody pauses. */
function useTyped(kept: string, keep: (value: string) => void): [string, (value: string) => void] {
  const [typed, setTyped] = useState<string>()
  if (typed === kept) setTyped(undefined)
  useEffect(() => {
    if (typed === undefined) return
    const timer = setTimeout(() => keep(typed), 300)
    return () => clearTimeout(timer)
  }, [typed, keep])
  return [typed ?? kept, setTyped]
}

/** useSelection is which Apps are selected, by namespace/name. */
function useSelection() {
  const [selected, setSelected] = useState<ReadonlyMap<string, AppRow>>(new Map())
  const select = useCallback((row: AppRow, on: boolean) => {
    setSelected((s) => {
      const next = new Map(s)
      if (on) next.set(keyOf(row), row)
      else next.delete(keyOf(row))
      return next
    })
  }, [])
  return { selected, select, clear: () => setSelected(new Map()) }
}

/** Apps is every App: as a list, as a matrix of what runs where, as tiles. The server filters, counts and sorts. */
export default function Apps() {
  const shown = useShown()
  const { view, sort, filter } = shown
  const scope = useScope()
  const all = within(scope, filter)
  // While somebody types, the rows come first: the counts follow when they pause.
  const facets = useQuery(facetsQuery(useSettled(all, 250)))
  const nextView = () => shown.setView(views[(views.findIndex((x) => x.id === view) + 1) % views.length]!.id)
  useKeys({ v: { run: nextView, label: 'Next view' } }, 'Apps')
  const [count, setCount] = useState<Count>()
  if (count?.of === '' && count.total === 0)
    return (
      <Page title="Apps">
        <FirstApp />
      </Page>
    )
  return (
    <Page title="Apps" lead={count && <CountLine {...count} filtered={filter !== ''} where={scopeWords(scope)} />} actions={<Choices shown={shown} facets={facets.data} />}>
      <FilterBar filter={filter} onChange={shown.setFilter} facets={facets.data} hide={hiddenBy(scope.namespace, scope.cluster)}>
        {menu}
      </FilterBar>
      {view === 'matrix' ? <AppsMatrix all={all} filter={filter} scope={scope} onChange={shown.setFilter} onCount={setCount} /> : <Rows view={view} filter={all} own={filter} sort={sort} columns={shown.columns} onSort={shown.setSort} onFilter={shown.setFilter} onCount={setCount} />}
    </Page>
  )
}
const menu = <ViewsMenu common={common} />
const none: readonly string[] = []
const [noNamespace, noCluster, neither] = [['namespace'], ['cluster'], ['namespace', 'cluster']]
/** hiddenBy are the facets that the scope has chosen already. */
const hiddenBy = (namespace: string | undefined, cluster: string | undefined) => (namespace ? (cluster ? neither : noNamespace) : cluster ? noCluster : none)

/** Count is how many Apps there are, and of what filter. */
export interface Count {
  total: number
  of: string
  /** Components, in the matrix. */
  rows?: number
}

interface RowsProps {
  view: 'list' | 'grid'
  /** filter holds the scope, own does not. */
  filter: string
  own: string
  sort: string
  columns: Column[]
  onSort: (s: string) => void
  onFilter: (f: string) => void
  onCount: (c: Count) => void
}

/** Rows are the Apps as lines or tiles, with what can be done to those that are selected. */
const Rows = memo(function Rows({ view, filter, own, sort, columns, onSort, onFilter, onCount }: RowsProps) {
  const scope = useScope()
  const apps = useInfiniteQuery(appsQuery({ filter, sort }, view === 'list' ? 100 : 200))
  const rows = useMemo(() => unique(apps.data?.pages), [apps.data])
  const { selected, select, clear } = useSelection()
  const { hasNextPage, isFetching, fetchNextPage, isPlaceholderData } = apps
  const more = useCallback(() => {
    if (hasNextPage && !isFetching) void fetchNextPage()
  }, [hasNextPage, isFetching, fetchNextPage])
  const refetch = () => void apps.refetch()
  useKeys({ r: { run: refetch, label: 'Read again' } }, 'Apps')
  useEffect(() => {
    const { filter: _, ...rest } = parseSearch(location.search)
    leaveTrail(rows, own ? { ...rest, filter: own } : rest)
  }, [rows, own])
  const first = apps.data?.pages[0]
  const total = first?.total ?? rows.length
  const settled = first !== undefined && !isPlaceholderData
  useEffect(() => {
    if (settled) onCount({ total, of: filter })
  }, [settled, total, filter, onCount])
  return (
    <>
      {apps.error && (
        <Problem what={filter ? 'Reading the Apps that match' : 'Reading the Apps'} problem={problemOf(apps.error)}>
          <Button small onClick={refetch}>
            Try again
          </Button>
        </Problem>
      )}
      {settled && rows.length === 0 ? (
        <NoMatch hint={first.hint} filter={own} scope={scope} onChange={onFilter} />
      ) : !apps.data ? (
        !apps.error && <Skeleton rows={12} height={18} label="Reading the Apps" />
      ) : view === 'grid' ? (
        <AppsGrid rows={rows} onEnd={more} />
      ) : (
        <AppsList rows={rows} total={total} columns={columns} sort={sort} onSort={onSort} onEnd={more} selected={selected} onSelect={select} stale={isPlaceholderData} />
      )}
      <SelectionBar selected={selected} onClear={clear} />
    </>
  )
})

function Choices({ shown, facets }: { shown: ReturnType<typeof useShown>; facets: Facets | undefined }) {
  const { view, sort } = shown
  return (
    <>
      {view !== 'matrix' && (
        <label className={css.sort}>
          <span className="sr">Sort by</span>
          <select value={sort || 'state'} onChange={(e) => shown.setSort(e.target.value)}>
            {sorts.map(([v, label]) => (
              <option key={v} value={v}>
                {label}
              </option>
            ))}
          </select>
        </label>
      )}
      {view === 'list' && <ColumnChooser columns={shown.columns} facets={facets} onChange={shown.setColumns} />}
      <div className={css.views} role="group" aria-label="View">
        {views.map((v) => (
          <button type="button" key={v.id} aria-pressed={v.id === view} onClick={() => shown.setView(v.id)} title={`${v.label} (v)`}>
            <Icon name={v.icon} />
            {v.label}
          </button>
        ))}
      </div>
    </>
  )
}

/** unique is every row once: a row that moved while pages were read may come twice. */
function unique(pages: AppPage[] | undefined): AppRow[] {
  if (!pages) return []
  if (pages.length === 1) return pages[0]!.items
  const seen = new Set<string>()
  return pages.flatMap((p) => p.items).filter((r) => !seen.has(keyOf(r)) && seen.add(keyOf(r)))
}

function CountLine({ total, rows, filtered, where }: Count & { filtered: boolean; where: string }) {
  return (
    <span role="status">
      <Num n={total} /> {total === 1 ? 'App' : 'Apps'}
      {where && (
        <>
          {' '}
          in <T>{where}</T>
        </>
      )}
      {filtered ? (total === 1 ? ' matches' : ' match') : ''}
      {rows !== undefined && (
        <>
          , as <Num n={rows} /> {rows === 1 ? 'component' : 'components'}
        </>
      )}
    </span>
  )
}

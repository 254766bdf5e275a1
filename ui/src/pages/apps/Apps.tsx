import { useInfiniteQuery, useQuery } from '@tanstack/react-query'
import { getRouteApi, useNavigate } from '@tanstack/react-router'
import { useCallback, useDeferredValue, useEffect, useMemo, useState } from 'react'
import { problemOf } from '../../api/client'
import { appsQuery, facetsQuery } from '../../api/queries'
import type { AppPage, AppRow, EmptyHint } from '../../api/types'
import { Button, EmptyState, Icon, Num, Problem, Skeleton, T } from '../../components'
import { keyOf } from '../../live'
import { useKeys } from '../../shell/keys'
import { Page } from '../../shell/Page'
import { useSettled } from '../../shell/useSettled'
import { FirstApp } from '../FirstApp'
import { AppsGrid } from './AppsGrid'
import { AppsList } from './AppsList'
import { AppsMatrix } from './AppsMatrix'
import { FilterBar, withoutTerm } from './FilterBar'
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

type ViewName = (typeof views)[number]['id']

/** useShown is what the address says to show, and how to change it. */
function useShown() {
  const search = route.useSearch()
  const navigate = useNavigate({ from: '/apps' })
  const view: ViewName = views.find((v) => v.id === search.view)?.id ?? 'list'
  const [filter, setFilter] = useTyped(search.filter ?? '', useCallback((f: string) => void navigate({ search: (s) => ({ ...s, filter: f || undefined }), replace: true, resetScroll: false }), [navigate]))
  return {
    view,
    filter,
    sort: view === 'matrix' ? 'name' : (search.sort ?? ''),
    setFilter,
    setView: (v: ViewName) => void navigate({ search: (s) => ({ ...s, view: v === 'list' ? undefined : v }), replace: true }),
    setSort: (v: string) => void navigate({ search: (s) => ({ ...s, sort: v === 'state' ? undefined : v }), replace: true }),
  }
}

/** useTyped is a value of the address that changes faster than the address does: it follows when somebody pauses. */
function useTyped(kept: string, keep: (value: string) => void): [string, (value: string) => void] {
  const [typed, setTyped] = useState<string>()
  if (typed === kept) setTyped(undefined)
  useEffect(() => {
    if (typed === undefined) return
    const timer = setTimeout(() => keep(typed), 150)
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
  const { view, sort } = shown
  const filter = useDeferredValue(shown.filter)
  const apps = useInfiniteQuery(appsQuery({ filter, sort }, view === 'list' ? 100 : 200))
  // While somebody types, the rows come first: the counts follow when they pause.
  const facets = useQuery(facetsQuery(useSettled(filter, 200)))
  const rows = useMemo(() => unique(apps.data?.pages), [apps.data])
  const { selected, select, clear } = useSelection()
  const { hasNextPage, isFetching, fetchNextPage } = apps
  const more = useCallback(() => {
    if (hasNextPage && !isFetching) void fetchNextPage()
  }, [hasNextPage, isFetching, fetchNextPage])
  const refetch = () => void Promise.all([apps.refetch(), facets.refetch()])
  const nextView = () => shown.setView(views[(views.findIndex((x) => x.id === view) + 1) % views.length]!.id)
  useKeys({ v: { run: nextView, label: 'Next view' }, r: { run: refetch, label: 'Read again' } }, 'Apps')

  const first = apps.data?.pages[0]
  const total = first?.total ?? rows.length
  const nothing = first !== undefined && rows.length === 0 && !apps.isPlaceholderData
  if (nothing && filter === '')
    return (
      <Page title="Apps">
        <FirstApp />
      </Page>
    )
  return (
    <Page title="Apps" lead={first && <Count total={total} filtered={filter !== ''} />} actions={<Choices view={view} sort={sort} setView={shown.setView} setSort={shown.setSort} />}>
      <FilterBar filter={shown.filter} onChange={shown.setFilter} facets={facets.data} />
      {apps.error && (
        <Problem what={filter ? 'Reading the Apps that match' : 'Reading the Apps'} problem={problemOf(apps.error)}>
          <Button small onClick={refetch}>
            Try again
          </Button>
        </Problem>
      )}
      {nothing ? (
        <NoMatch hint={first.hint} filter={filter} onChange={shown.setFilter} />
      ) : !apps.data ? (
        !apps.error && <Skeleton rows={12} height={18} label="Reading the Apps" />
      ) : view === 'matrix' ? (
        <AppsMatrix rows={rows} facets={facets.data} onEnd={more} complete={!hasNextPage} />
      ) : view === 'grid' ? (
        <AppsGrid rows={rows} onEnd={more} />
      ) : (
        <AppsList rows={rows} total={total} onEnd={more} selected={selected} onSelect={select} stale={apps.isPlaceholderData} />
      )}
      <SelectionBar selected={selected} onClear={clear} />
    </Page>
  )
}

interface ChoicesProps {
  view: ViewName
  sort: string
  setView: (v: ViewName) => void
  setSort: (s: string) => void
}

function Choices({ view, sort, setView, setSort }: ChoicesProps) {
  return (
    <>
      <label className={css.sort}>
        <span className="sr">Sort by</span>
        <select value={sort || 'state'} onChange={(e) => setSort(e.target.value)} disabled={view === 'matrix'}>
          {sorts.map(([v, label]) => (
            <option key={v} value={v}>
              {label}
            </option>
          ))}
        </select>
      </label>
      <div className={css.views} role="group" aria-label="View">
        {views.map((v) => (
          <button type="button" key={v.id} aria-pressed={v.id === view} onClick={() => setView(v.id)} title={`${v.label} (v)`}>
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

function Count({ total, filtered }: { total: number; filtered: boolean }) {
  return (
    <span role="status">
      <Num n={total} /> {total === 1 ? 'App' : 'Apps'}
      {filtered ? (total === 1 ? ' matches' : ' match') : ''}
    </span>
  )
}

function NoMatch({ hint, filter, onChange }: { hint: EmptyHint | undefined; filter: string; onChange: (f: string) => void }) {
  return (
    <EmptyState title="No App matches" icon="filter">
      {hint && hint.without > 0 ? (
        <>
          <p>
            <code>
              <T>{hint.term}</T>
            </code>{' '}
            leaves nothing over: without it, <Num n={hint.without} /> {hint.without === 1 ? 'App matches' : 'Apps match'}.
          </p>
          <p>
            <Button onClick={() => onChange(withoutTerm(filter, hint.term))}>
              Remove <T>{hint.term}</T>
            </Button>
          </p>
        </>
      ) : (
        <p>
          <Button onClick={() => onChange('')}>Clear the filter</Button>
        </p>
      )}
    </EmptyState>
  )
}

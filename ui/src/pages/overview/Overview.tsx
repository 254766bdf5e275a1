import { useQuery } from '@tanstack/react-query'
import { getRouteApi, Link, useNavigate } from '@tanstack/react-router'
import { useEffect, useMemo, useRef } from 'react'
import { problemOf } from '../../api/client'
import { clustersQuery, wallQuery } from '../../api/queries'
import type { AppRow, Cause, DaySummary, StateCounts, Wall as WallData } from '../../api/types'
import { Ago, Banner, Button, EmptyState, Icon, Num, Problem, Skeleton, StateGlyph, STATES, T, capital, duration, plain } from '../../components'
import { keyOf } from '../../live'
import { useKeys } from '../../shell/keys'
import { leaveTrail } from '../../shell/trail'
import { matches, useScope, within } from '../../shell/scope'
import { Page } from '../../shell/Page'
import { FirstApp } from '../FirstApp'
import { quote } from '../apps/filter'
import { NoMatch } from '../apps/NoMatch'
import { Lately } from './Lately'
import { Wall } from './Wall'
import css from './Overview.module.css'

const route = getRouteApi('/')
const groupings = [
  ['cluster', 'cluster'],
  ['namespace', 'namespace'],
  ['environment', 'environment'],
] as const

/** From so many Apps on the wall has the whole width, and a row of its own. */
const BIG = 1200

/** Overview answers "is everything well?", and if not, what needs a person. */
export default function Overview() {
  const search = route.useSearch()
  const navigate = useNavigate({ from: '/' })
  const group = groupings.find(([g]) => g === search.group)?.[0] ?? 'cluster'
  const scope = useScope()
  const filter = within(scope, search.filter)
  const wall = useQuery(wallQuery(group, filter))
  const tv = search.tv === '1'
  const wallRef = useRef<HTMLElement>(null)
  useKeys({ Escape: () => tv && void navigate({ search: (s) => ({ ...s, tv: undefined }) }), w: { run: () => wallRef.current?.querySelector<HTMLElement>('li a')?.focus(), label: 'The fleet' } }, 'Overview')
  if (wall.error && !wall.data)
    return (
      <Page title="Overview">
        <Problem what="Reading the overview" problem={problemOf(wall.error)}>
          <Button small onClick={() => void wall.refetch()}>
            Try again
          </Button>
        </Problem>
      </Page>
    )
  if (!wall.data)
    return (
      <Page title="Overview">
        <Skeleton rows={8} height={26} label="Reading the overview" />
      </Page>
    )
  const data = wall.data
  if (data.total === 0 && filter === '')
    return (
      <Page title="Overview">
        <FirstApp />
      </Page>
    )
  if (data.total === 0)
    return (
      <Page title="Overview">
        <NoMatch filter={search.filter ?? ''} scope={scope} onChange={(f) => void navigate({ search: (s) => ({ ...s, filter: f || undefined }) })} />
      </Page>
    )
  const big = data.total > BIG
  const lately = !tv && <Lately filter={filter} />
  const fleet = (
    <section ref={wallRef} className="card" aria-labelledby="wall">
      <div className={css.cardHead}>
        <h2 id="wall">Fleet</h2>
        <div className={css.by} role="group" aria-label="Group by">
          <span className="muted">by</span>
          {groupings.map(([g, label]) => (
            <button type="button" key={g} aria-pressed={g === group} onClick={() => void navigate({ search: (s) => ({ ...s, group: g === 'cluster' ? undefined : g }), replace: true, resetScroll: false })}>
              {label}
            </button>
          ))}
        </div>
      </div>
      <Wall groups={data.groups} total={data.total} by={group} large={tv} />
    </section>
  )
  return (
    <Page title="Overview" bare wide={tv}>
      <div className={css.overview} data-tv={tv || undefined}>
        <h1 className={css.headline}>{headline(data)}</h1>
        <Counters counts={data.counts} />
        <Unreachable />
        <div className={css.columns}>
          <div className="stack">
            <NeedsYou problems={data.problems} counts={data.counts} shown={big ? 6 : 10} />
            {!big && <Causes causes={data.causes} />}
            {!big && lately}
          </div>
          <div className="stack">
            {!big && fleet}
            {big && <Causes causes={data.causes} />}
            <Day day={data.day} />
            {big && lately}
          </div>
        </div>
        {big && fleet}
      </div>
    </Page>
  )
}

/** headline is the whole page in one sentence. */
export function headline(w: Pick<WallData, 'total' | 'counts'>): string {
  const n = (s: string) => w.counts[s] ?? 0
  const apps = (k: number) => `${k.toLocaleString('en-US')} ${k === 1 ? 'App' : 'Apps'}`
  const words: [string, string][] = [['Failed', 'failed'], ['Degraded', 'degraded'], ['Drifted', 'drifted'], ['Unknown', 'out of contact']]
  const bad = words.filter(([s]) => n(s) > 0)
  if (bad.length === 0) {
    if (n('Synced') === w.total) return `All ${apps(w.total)} run what Git says, and are healthy.`
    const busy: [string, string][] = [['Deploying', 'deploying'], ['Waiting', 'waiting'], ['Paused', 'paused']]
    return `Nothing failed. ${busy.filter(([s]) => n(s) > 0).map(([s, word]) => `${n(s)} ${word}`).join(', ')}, ${n('Synced').toLocaleString('en-US')} of ${apps(w.total)} synced.`
  }
  const parts = bad.map(([s, word], i) => `${i === 0 ? apps(n(s)) : n(s).toLocaleString('en-US')} ${word}`)
  return `${parts.join(', ')}. ${n('Synced').toLocaleString('en-US')} of ${w.total.toLocaleString('en-US')} are synced.`
}

function Counters({ counts }: { counts: StateCounts }) {
  return (
    <ul className={css.counters} aria-label="Apps by state">
      {STATES.map((s) => {
        const n = counts[s] ?? 0
        return (
          <li key={s}>
            <Link to="/apps" search={{ filter: `state:${s.toLowerCase()}` }} data-state={s} data-none={n === 0 || undefined} className={css.counter}>
              <StateGlyph state={s} size={20} />
              <b>
                <Num n={n} />
              </b>
              <span>{s}</span>
            </Link>
          </li>
        )
      })}
    </ul>
  )
}

function Unreachable() {
  const clusters = useQuery(clustersQuery)
  const scope = useScope()
  const lost = clusters.data?.items.filter((c) => !c.connected && matches(scope.cluster, c.name)) ?? []
  if (lost.length === 0) return null
  return (
    <Banner tone="bad">
      {lost.slice(0, 4).map((c) => (
        <div key={c.name}>
          <Link to="/clusters">
            <T>{c.name}</T>
          </Link>{' '}
          is out of contact{c.since ? <> for <Ago at={c.since} /></> : ''}: <Num n={c.apps} /> {c.apps === 1 ? 'App is' : 'Apps are'} shown as last known. <T>{c.problem?.message ?? ''}</T>
        </div>
      ))}
      {lost.length > 4 && <div>and {lost.length - 4} more clusters</div>}
    </Banner>
  )
}

/** What goes on by itself needs nobody, nor does what a person paused. */
const NEEDS = ['Failed', 'Degraded', 'Drifted', 'Unknown', 'Waiting']

function NeedsYou({ problems, counts, shown }: { problems: AppRow[]; counts: StateCounts; shown: number }) {
  const list = useRef<HTMLUListElement>(null)
  const step = (by: number) => {
    const links = [...(list.current?.querySelectorAll('a') ?? [])]
    const at = links.findIndex((l) => l === document.activeElement)
    links[Math.max(0, Math.min(links.length - 1, at + by))]?.focus()
  }
  useKeys({ n: { run: () => step(1), label: 'Next problem' }, p: { run: () => step(-1), label: 'Previous problem' } }, 'Overview')
  const all = NEEDS.reduce((n, s) => n + (counts[s] ?? 0), 0)
  const rows = useMemo(() => problems.filter((p) => NEEDS.includes(p.state)).slice(0, shown), [problems, shown])
  useEffect(() => leaveTrail(rows, undefined), [rows])
  return (
    <section className="card" aria-labelledby="needs">
      <div className={css.cardHead}>
        <h2 id="needs">Needs you {all > 0 && <span className={css.count}>{all.toLocaleString('en-US')}</span>}</h2>
        {all > shown && (
          <Link to="/apps" search={{ filter: `state:${NEEDS.join(',').toLowerCase()}` }}>
            All {all.toLocaleString('en-US')}
          </Link>
        )}
      </div>
      {all === 0 ? (
        <EmptyState title="Nothing" icon="check" tone="good">
          <p>Nothing failed, drifted or waits for somebody.</p>
        </EmptyState>
      ) : (
        <ul ref={list} className={css.needs}>
          {rows.map((p) => (
            <li key={keyOf(p)}>
              <Link to="/a/$namespace/$name" params={{ namespace: p.namespace, name: p.name }} search={{}} preload={false}>
                <StateGlyph state={p.state} label={p.state} size={18} />
                <span className={css.needName}>
                  <b className="cut">
                    <T>{p.name}</T>
                  </b>
                  <span className="muted cut">
                    <T>{p.cluster}</T>
                  </span>
                  <span className={`muted ${css.needAge}`}>
                    <Ago at={p.since} />
                  </span>
                </span>
                <span className={`cut ${css.needWhy}`} title={plain(p.message)}>
                  <T>{capital(p.message || p.reason || p.state)}</T>
                </span>
              </Link>
            </li>
          ))}
        </ul>
      )}
    </section>
  )
}

function Causes({ causes }: { causes: Cause[] }) {
  if (causes.length === 0) return null
  return (
    <section className="card" aria-labelledby="causes">
      <div className={css.cardHead}>
        <h2 id="causes">Same cause</h2>
        <span className="muted">one incident, not many rows</span>
      </div>
      <ul className={css.causes}>
        {causes.slice(0, 6).map((c) => (
          <li key={c.filter}>
            <Link to="/apps" search={{ filter: c.filter || `reason:${quote(c.reason)}` }} title={plain(c.apps.join('\n'))}>
              <StateGlyph state={c.state} label={c.state} />
              <b>
                <Num n={c.count} /> Apps
              </b>
              <span className="cut">
                <T>{capital(c.message || c.reason)}</T>
              </span>
            </Link>
          </li>
        ))}
      </ul>
    </section>
  )
}

function Day({ day }: { day: DaySummary }) {
  const facts: [string, string][] = [
    [day.deployments.toLocaleString('en-US'), day.deployments === 1 ? 'deployment' : 'deployments'],
    [String(day.failed), 'failed'],
    [String(day.rolledBack), 'rolled back'],
    [String(day.drift), day.drift === 1 ? 'drift' : 'drifts'],
  ]
  if (day.leadTime) facts.push([duration(day.leadTime), 'lead time, median'])
  return (
    <section className={`card ${css.day}`} aria-labelledby="day">
      <h2 id="day">Last 24 hours</h2>
      <dl>
        {facts.map(([n, word]) => (
          <div key={word}>
            <dt>{word}</dt>
            <dd>{n}</dd>
          </div>
        ))}
      </dl>
      <Link to="/measures" className={css.more}>
        Measures <Icon name="right" size={14} />
      </Link>
    </section>
  )
}

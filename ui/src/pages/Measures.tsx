import { useQuery } from '@tanstack/react-query'
import { getRouteApi, Link, useNavigate } from '@tanstack/react-router'
import { useState } from 'react'
import { apiURL, problemOf } from '../api/client'
import { doraQuery } from '../api/queries'
import type { Deployment, DORA, DORADay } from '../api/types'
import { Ago, Button, CommitRef, EmptyState, Icon, Problem, Skeleton, StateGlyph, T, duration } from '../components'
import { Page } from '../shell/Page'
import { useScope, within } from '../shell/scope'
import { Bars } from './Bars'
import css from './Measures.module.css'

const route = getRouteApi('/measures')
const ranges = [7, 30, 90] as const

/** Measures are the four of DORA and drift, with what they mean here, and the deployments behind them. */
export default function Measures() {
  const search = route.useSearch()
  const navigate = useNavigate({ from: '/measures' })
  const days = ranges.find((d) => String(d) === search.days) ?? 30
  const [now] = useState(() => Date.now())
  const from = search.from ?? new Date(now - days * 86_400_000).toISOString().slice(0, 10) + 'T00:00:00Z'
  const params = { filter: within(useScope(), search.filter), app: search.app, from, to: search.to }
  const q = useQuery(doraQuery(params))
  const set = (part: Partial<typeof search>) => void navigate({ search: (s) => ({ ...s, ...part }), replace: true })
  const table = search.as === 'table'
  return (
    <Page
      title="Measures"
      lead={q.data && <Scope data={q.data} />}
      actions={
        <>
          <div className={css.range} role="group" aria-label="Time">
            {ranges.map((d) => (
              <button type="button" key={d} aria-pressed={d === days && !search.from} onClick={() => set({ days: d === 30 ? undefined : String(d), from: undefined, to: undefined })}>
                {d} days
              </button>
            ))}
          </div>
          <Button onClick={() => set({ as: table ? undefined : 'table' })} aria-pressed={table}>
            <Icon name="list" /> Table
          </Button>
          <Download params={params} format="csv" />
          <Download params={params} format="json" />
        </>
      }
    >
      <form
        className={css.filter}
        onSubmit={(e) => {
          e.preventDefault()
          set({ filter: (new FormData(e.currentTarget).get('filter') as string) || undefined })
        }}
      >
        <label htmlFor="scope">Apps</label>
        <input id="scope" key={search.filter} name="filter" defaultValue={search.filter ?? ''} placeholder="all, or a filter: environment:prod team=payments" autoComplete="off" spellCheck={false} />
        <Button type="submit">Show</Button>
      </form>
      {q.error && (
        <Problem what="Reading the measures" problem={problemOf(q.error)}>
          <Button small onClick={() => void q.refetch()}>
            Try again
          </Button>
        </Problem>
      )}
      {!q.data ? !q.error && <Skeleton rows={8} height={30} /> : q.data.deployments === 0 ? <NoDeployments /> : table ? <Table days={q.data.days} /> : <Cards data={q.data} />}
      {q.data && q.data.deployments > 0 && <ByApp data={q.data} />}
      {q.data && q.data.deployments > 0 && <Sample deployments={q.data.sample ?? []} />}
      {q.data && <Definitions data={q.data} />}
    </Page>
  )
}

function Scope({ data }: { data: DORA }) {
  const day = (at: string) => new Date(at).toLocaleDateString(undefined, { day: 'numeric', month: 'short', year: 'numeric' })
  return (
    <>
      <T>{data.scope || 'all Apps'}</T>, {day(data.from)} to {day(data.to)}
    </>
  )
}

function Download({ params, format }: { params: Record<string, string | undefined>; format: 'csv' | 'json' }) {
  return (
    <a className={css.download} href={apiURL('dora', { ...params, format })} download={`plumb-measures.${format}`}>
      <Icon name="download" /> {format.toUpperCase()}
    </a>
  )
}

const percent = (x: number) => `${(x * 100).toLocaleString('en-US', { maximumFractionDigits: 1 })} %`

function Cards({ data: d }: { data: DORA }) {
  const days = d.days ?? []
  const cards = [
    { title: 'Deployment frequency', big: `${d.perDay.toLocaleString('en-US', { maximumFractionDigits: 1 })} a day`, small: `${d.deployments.toLocaleString('en-US')} deployments`, of: (x: DORADay) => x.deployments, unit: (n: number) => String(n), colour: 'deploying' },
    { title: 'Lead time', big: d.leadTime.n ? duration(d.leadTime.p50) : '–', small: d.leadTime.n ? `median of ${d.leadTime.n}; nine of ten within ${duration(d.leadTime.p90)}` : 'no deployment with a commit', of: (x: DORADay) => x.leadTime ?? 0, unit: duration, colour: 'paused' },
    { title: 'Change failure rate', big: percent(d.failureRate), small: `${d.failures} of ${d.deployments.toLocaleString('en-US')} failed`, of: (x: DORADay) => x.failures, unit: (n: number) => String(n), colour: 'failed' },
    { title: 'Time to restore', big: d.restore.n ? duration(d.restore.p50) : '–', small: d.restore.n ? `median of ${d.restore.n}; nine of ten within ${duration(d.restore.p90)}` : 'nothing had to be restored' },
    { title: 'Drift', big: d.drift.toLocaleString('en-US'), small: d.drift === 1 ? 'object changed behind Git’s back' : 'objects changed behind Git’s back', of: (x: DORADay) => x.drift, unit: (n: number) => String(n), colour: 'drifted' },
  ]
  return (
    <div className={css.cards}>
      {cards.map((c) => (
        <section key={c.title} className={`card ${css.card}`} aria-label={c.title}>
          <h2>{c.title}</h2>
          <p className={css.big}>{c.big}</p>
          <p className="muted">{c.small}</p>
          {c.of && <Bars label={`${c.title}, by day`} values={days.map((x) => ({ name: x.day, value: c.of(x) }))} format={c.unit} colour={c.colour} />}
        </section>
      ))}
    </div>
  )
}

function Table({ days }: { days: DORADay[] }) {
  return (
    // A region that scrolls can be reached by keyboard.
    <div className={`card ${css.table}`} tabIndex={0} role="region" aria-label="Measures by day">
      <table>
        <thead>
          <tr>
            <th scope="col">Day (UTC)</th>
            <th scope="col">Deployments</th>
            <th scope="col">Failures</th>
            <th scope="col">Lead time, median</th>
            <th scope="col">Drift</th>
          </tr>
        </thead>
        <tbody>
          {[...days].reverse().map((d) => (
            <tr key={d.day}>
              <th scope="row">{d.day}</th>
              <td>{d.deployments}</td>
              <td>{d.failures}</td>
              <td>{d.leadTime ? duration(d.leadTime) : '–'}</td>
              <td>{d.drift}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}

function ByApp({ data }: { data: DORA }) {
  const apps = data.apps ?? []
  if (apps.length < 2) return null
  return (
    <section className="card" aria-labelledby="by-app">
      <div className={css.head}>
        <h2 id="by-app">By App</h2>
        <span className="muted">{data.more ? `the first ${apps.length}, ${data.more} more in the CSV` : `${apps.length} Apps`}</span>
      </div>
      {/* A region that scrolls can be reached by keyboard. */}
      <div className={`${css.table} ${css.short}`} tabIndex={0} role="region" aria-labelledby="by-app">
        <table>
          <thead>
            <tr>
              {['App', 'Deployments', 'Lead time', 'Failures', 'Failure rate', 'Restored in', 'Drift'].map((h) => (
                <th key={h} scope="col">
                  {h}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {apps.map((a) => {
              const [namespace = '', name = ''] = a.app.split('/')
              return (
                <tr key={a.app}>
                  <th scope="row">
                    <Link to="/a/$namespace/$name" params={{ namespace, name }} search={{ tab: 'timeline' }} preload={false}>
                      <T>{a.app}</T>
                    </Link>
                  </th>
                  <td>{a.deployments}</td>
                  <td>{a.leadTime.n ? duration(a.leadTime.p50) : '–'}</td>
                  <td>{a.failures}</td>
                  <td>{a.deployments ? percent(a.failureRate) : '–'}</td>
                  <td>{a.restore.n ? duration(a.restore.p50) : '–'}</td>
                  <td>{a.drift}</td>
                </tr>
              )
            })}
          </tbody>
        </table>
      </div>
    </section>
  )
}

function Sample({ deployments }: { deployments: Deployment[] }) {
  if (deployments.length === 0) return null
  return (
    <section className="card" aria-labelledby="sample">
      <div className={css.head}>
        <h2 id="sample">The deployments behind the numbers</h2>
        <span className="muted">the newest {deployments.length}</span>
      </div>
      <ul className={css.sample}>
        {deployments.slice(0, 50).map((d) => {
          const [namespace = '', name = ''] = d.app.split('/')
          return (
            <li key={d.app + d.id}>
              <StateGlyph state={d.outcome === 'Succeeded' ? 'Synced' : d.outcome === 'Failed' ? 'Failed' : 'Unknown'} label={d.outcome} />
              <Link to="/a/$namespace/$name" params={{ namespace, name }} search={{ tab: 'timeline' }} className="cut" preload={false}>
                <T>{d.app}</T>
              </Link>
              <span className="cut">
                <CommitRef commit={d.commit} brief />
              </span>
              <span className="muted">{d.leadTime ? duration(d.leadTime) : ''}</span>
              <span className="muted">
                <Ago at={d.ended ?? d.started} />
              </span>
            </li>
          )
        })}
      </ul>
    </section>
  )
}

function Definitions({ data }: { data: DORA }) {
  if (!data.definitions || data.definitions.length === 0) return null
  return (
    <section className={`card ${css.definitions}`} aria-labelledby="mean">
      <h2 id="mean">What the measures mean here</h2>
      <dl>
        {data.definitions.map((d) => (
          <div key={d.measure}>
            <dt>
              <T>{d.measure}</T>
            </dt>
            <dd>
              <T>{d.text}</T>
            </dd>
          </div>
        ))}
      </dl>
    </section>
  )
}

function NoDeployments() {
  return (
    <EmptyState title="No deployment in this time" icon="measures">
      <p>Every deployment that ends is counted, with its commit and how long it took from there until everything was healthy. Nothing has to be set up.</p>
    </EmptyState>
  )
}

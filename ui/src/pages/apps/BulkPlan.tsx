import { useQueries } from '@tanstack/react-query'
import { getRouteApi, Link } from '@tanstack/react-router'
import { useMemo, useState } from 'react'
import { enc, post, problemOf } from '../../api/client'
import { canQuery } from '../../api/queries'
import type { Accepted, Plan, ProblemBody } from '../../api/types'
import { Button, EmptyState, Icon, Problem, Skeleton, StateGlyph, T } from '../../components'
import { Page } from '../../shell/Page'
import css from './BulkPlan.module.css'

const route = getRouteApi('/plan')
const AT_ONCE = 4
const MOST = 50

type Outcome = 'busy' | 'done' | ProblemBody

/** BulkPlan is one plan over several Apps: what each would do, and one button for those that need no closer look. */
export default function BulkPlan() {
  const { apps = '' } = route.useSearch()
  const keys = useMemo(() => [...new Set(apps.split(',').filter((a) => a.includes('/')))].slice(0, MOST), [apps])
  const gate = useMemo(() => limit(AT_ONCE), [])
  const plans = useQueries({
    queries: keys.map((key) => {
      const [ns = '', name = ''] = key.split('/')
      return { queryKey: ['app', ns, name, 'bulk-plan'], queryFn: () => gate(() => post<Plan>(enc`apps/${ns}/${name}/plan`)), staleTime: Infinity, gcTime: 0 }
    }),
  })
  const rights = useQueries({ queries: keys.map((key) => canQuery(key, ['sync', 'approve'])) })
  const lacks = (i: number) => (plans[i]?.data?.guards?.length ? ['sync', 'approve'] : ['sync']).filter((v) => rights[i]?.data?.verbs[v] === false)
  const [outcomes, setOutcomes] = useState<ReadonlyMap<string, Outcome>>(new Map())
  const put = (key: string, o: Outcome) => setOutcomes((m) => new Map(m).set(key, o))
  const ready = keys.filter((_, i) => plans[i]?.data && easy(plans[i].data) && lacks(i).length === 0)
  const left = ready.filter((k) => !outcomes.has(k))
  const deletes = keys.reduce((n, k, i) => n + (left.includes(k) ? (plans[i]?.data?.counts.delete ?? 0) : 0), 0)

  const sync = () =>
    keys.forEach((key, i) => {
      const plan = plans[i]?.data
      if (!plan || !left.includes(key)) return
      const [ns = '', name = ''] = key.split('/')
      put(key, 'busy')
      gate(() => post<Accepted>(enc`apps/${ns}/${name}/sync`, { plan: plan.digest })).then(
        () => put(key, 'done'),
        (e: unknown) => put(key, problemOf(e)),
      )
    })

  if (keys.length === 0)
    return (
      <Page title="Plan and sync">
        <EmptyState title="No App is chosen" icon="sync">
          <p>
            <Link to="/apps">Select Apps in the list</Link>, then press <kbd>s</kbd>.
          </p>
        </EmptyState>
      </Page>
    )
  const waiting = plans.filter((p) => p.isPending).length
  return (
    <Page
      title={`Plan for ${keys.length} ${keys.length === 1 ? 'App' : 'Apps'}`}
      lead={waiting > 0 ? `${waiting} plans are being made …` : 'Exactly these plans are carried out; one that changed meanwhile is refused.'}
      actions={
        <Button kind="primary" onClick={sync} denied={waiting > 0 ? 'the plans are not complete' : left.length === 0 ? 'nothing is left that can be synced from here' : undefined}>
          <Icon name="sync" /> Sync {left.length} {left.length === 1 ? 'App' : 'Apps'}
          {deletes > 0 ? `, deleting ${deletes}` : ''}
        </Button>
      }
    >
      <ul className="stack">
        {keys.map((key, i) => (
          <One key={key} app={key} lacks={lacks(i)} plan={plans[i]?.data} error={plans[i]?.error ?? undefined} outcome={outcomes.get(key)} />
        ))}
      </ul>
    </Page>
  )
}

/** easy: there is something to do, nothing forbids it, and no name has to be typed for it. */
export function easy(p: Plan): boolean {
  return !p.empty && (p.errors?.length ?? 0) === 0 && p.friction !== 'type'
}

/** limit lets so many run at once; the others wait their turn. */
export function limit(n: number): <T>(f: () => Promise<T>) => Promise<T> {
  let running = 0
  const queue: (() => void)[] = []
  return async (f) => {
    if (running >= n) await new Promise<void>((go) => queue.push(go))
    running++
    try {
      return await f()
    } finally {
      running--
      queue.shift()?.()
    }
  }
}

const marks: Record<string, string> = { create: '+', update: '~', delete: '−', replace: '⇄', hook: '⚙', adopt: '↑', keep: '·' }

function One({ app, lacks, plan, error, outcome }: { app: string; lacks: string[]; plan: Plan | undefined; error: Error | undefined; outcome: Outcome | undefined }) {
  const [ns = '', name = ''] = app.split('/')
  const steps = plan?.steps.filter((s) => s.action !== 'keep') ?? []
  return (
    <li className={`card ${css.app}`}>
      <div className="spread">
        <h2>
          <Link to="/a/$namespace/$name" params={{ namespace: ns, name }} search={{ tab: 'diff' }}>
            <T>{app}</T>
          </Link>
        </h2>
        <span className={css.sum}>{plan ? summary(plan) : ''}</span>
      </div>
      {error ? <Problem what={`Planning ${app}`} problem={problemOf(error)} /> : !plan ? <Skeleton rows={2} /> : null}
      {plan?.errors?.map((e) => <Problem key={e.message} what="This plan" problem={e} />)}
      {plan?.warnings?.map((w) => (
        <p key={w} className="muted">
          <T>{w}</T>
        </p>
      ))}
      {steps.length > 0 && (
        <ul className={css.steps}>
          {steps.slice(0, 12).map((s) => (
            <li key={s.action + s.object} data-action={s.action}>
              <span aria-hidden="true">{marks[s.action] ?? '·'}</span>
              <span className="sr">{s.action}</span>
              <span className={`mono ${css.what}`}>
                <T>{s.object}</T>
              </span>
              <span className="muted">
                <T>{[s.risk, s.reason].filter(Boolean).join(': ')}</T>
              </span>
            </li>
          ))}
          {steps.length > 12 && <li className="muted">and {steps.length - 12} more</li>}
        </ul>
      )}
      {plan?.friction === 'type' && (
        <p className={css.alone}>
          <Icon name="alert" size={14} /> This plan deletes what is hard to get back. It is synced from its own page, not together with others.
        </p>
      )}
      {lacks.length > 0 && plan && !plan.empty && (
        <p className={css.alone}>
          <Icon name="info" size={14} /> You cannot sync it: this needs the {lacks.length > 1 ? 'rights' : 'right'} {lacks.map((v) => `“${v}”`).join(' and ')} on App {app}.
        </p>
      )}
      <div role="status">
        {outcome === 'busy' && 'Asking …'}
        {outcome === 'done' && (
          <span className="row">
            <StateGlyph state="Deploying" /> Accepted: it is being carried out.
          </span>
        )}
      </div>
      {outcome && typeof outcome === 'object' && <Problem what={`Syncing ${app}`} problem={outcome} />}
    </li>
  )
}

function summary(p: Plan): string {
  if (p.empty) return 'nothing to do'
  const c = p.counts
  return [c.create && `${c.create} to create`, c.update && `${c.update} to change`, c.delete && `${c.delete} to delete`, c.replace && `${c.replace} to replace`, c.hooks && `${c.hooks} ${c.hooks === 1 ? 'hook' : 'hooks'}`].filter(Boolean).join(', ')
}

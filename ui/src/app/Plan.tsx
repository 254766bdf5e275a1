import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useId, useState } from 'react'
import { problemOf } from '../api/client'
import type { ProblemBody } from '../api/types'
import { Ago, Banner, Button, Chip, Dialog, EmptyState, Icon, Problem, Skeleton, StateWord, T, plain } from '../components'
import { changesBetween, frictionOf, hindrance, isUnplanned, kindOf, losses, type PlanChange, summary, type Wave, waves } from './friction'
import { KindIcon } from './kinds'
import parts from './parts.module.css'
import css from './plan.module.css'
import { type App, planQuery, wishes as ask } from './queries'
import { useDenial } from './rights'
import type { Plan as PlanAnswer, PlanStep } from './types'
import { usePlace } from './url'
import { counted, formatID, parseID, shortID } from './words'
import { useWishes } from './wishes'

/** What became of a plan that somebody started. */
interface Started { digest: string; id: string }

/** Plan shows what a sync would do, asks for as much as it puts at risk, and carries out exactly what was shown. */
export default function Plan({ app, onClose }: { app: App; onClose: () => void }) {
  const { place } = usePlace()
  const client = useQueryClient()
  const q = useQuery(planQuery(place))
  const [typed, setTyped] = useState('')
  const [before, setBefore] = useState<PlanAnswer>()
  const [problem, setProblem] = useState<ProblemBody>()
  const [sending, setSending] = useState(false)
  const [started, setStarted] = useState<Started>()
  const deny = useDenial(app)
  const plan = q.data

  const sync = async () => {
    if (plan === undefined) return
    setSending(true)
    setProblem(undefined)
    try {
      const answer = await ask.sync(place, plan.digest)
      setStarted({ digest: plan.digest, id: answer.id })
      void client.invalidateQueries({ queryKey: ['app', app.namespace, app.name] })
    } catch (e) {
      const p = problemOf(e)
      if (p.status === 409) {
        // What was read is not what would be done: show what changed, and ask again.
        setBefore(plan)
        setTyped('')
        await q.refetch()
      } else setProblem(p)
    } finally {
      setSending(false)
    }
  }

  const no = plan === undefined ? '' : hindrance(plan, app.name, typed) || (plan.guards?.length ? deny('sync', 'approve') : deny('sync'))
  const dangerous = plan !== undefined && frictionOf(plan) !== 'none'
  const footer = started !== undefined ? <Button kind="primary" onClick={onClose}>Close</Button> : (
    <>
      {no && plan && !plan.empty && !isUnplanned(plan) && <span className={css.no}>{no}</span>}
      <Button onClick={onClose}>Not now</Button>
      {plan && <Button onClick={() => void q.refetch()} busy={q.isFetching}><Icon name="refresh" size={14} />Plan again</Button>}
      {plan && !plan.empty && !isUnplanned(plan) && <Button kind={dangerous ? 'danger' : 'primary'} denied={no} busy={sending} onClick={() => void sync()}><Icon name="sync" size={15} />Sync{plan.counts.delete > 0 && `, delete ${plan.counts.delete}`}</Button>}
    </>
  )
  return (
    <Dialog open onClose={onClose} title={<>Plan for <T>{app.name}</T></>} footer={footer} width={860}>
      {started !== undefined ? <Progress app={app} started={started} plan={plan} /> : (
        <div className={parts.stack}>
          {q.error && <Problem what="Planning" problem={problemOf(q.error)}><Button small onClick={() => void q.refetch()}>Try again</Button></Problem>}
          {!plan && !q.error && <Skeleton rows={7} height={34} label="Asking the API server what would change" />}
          {problem && <Problem what="Starting the sync" problem={problem} />}
          {plan && before && <Stale changes={changesBetween(before, plan)} />}
          {plan && <Body plan={plan} app={app} typed={typed} onType={setTyped} />}
        </div>
      )}
    </Dialog>
  )
}

function Stale({ changes }: { changes: readonly PlanChange[] }) {
  return (
    <Banner tone="warn" icon="clock">
      <strong>The plan changed while you read it. Nothing was done.</strong>
      {changes.length === 0 ? ' The steps are the same; what they are based on is newer.' : (
        <ul className={css.stale}>
          {changes.slice(0, 20).map((c) => <li key={c.object}><b>{c.sign}</b> <T>{shortID(c.object)}</T>: <T>{c.text}</T></li>)}
          {changes.length > 20 && <li>and {changes.length - 20} more</li>}
        </ul>
      )}
    </Banner>
  )
}

function Body({ plan, app, typed, onType }: { plan: PlanAnswer; app: App; typed: string; onType: (t: string) => void }) {
  const lost = losses(plan.steps)
  const deleted = plan.steps.filter((s) => kindOf(s.action) === 'delete')
  if (plan.empty) return <EmptyState title="Nothing to do" icon="check" tone="good"><p>What Git says is what runs. Planned <Ago at={plan.at} suffix=" ago" />.</p></EmptyState>
  if (isUnplanned(plan))
    return (
      <>
        <p className={css.summary}><strong>There is no plan: what Git says cannot be made into objects.</strong> <span className="muted">What runs stays as it is. The next commit is tried at once.</span></p>
        {plan.errors?.map((p, i) => <Problem key={i} what="Rendering" problem={p} />)}
      </>
    )
  return (
    <>
      <p className={css.summary}><strong>{summary(plan)}</strong> <span className="muted">planned <Ago at={plan.at} suffix=" ago" /> · <code title={plan.digest}>{plan.digest.replace('sha256:', '').slice(0, 12)}</code></span></p>
      {plan.errors?.map((p, i) => <Problem key={i} what={p.where ? `Trying ${plain(shortID(p.where))}` : 'Trying a step'} problem={p} />)}
      {plan.guards && plan.guards.length > 0 && <Banner tone="info" icon="policy">It waits for approval: {plan.guards.map((g) => <T key={g}>{g}</T>)}. Starting it from here approves exactly this plan.</Banner>}
      {lost.length > 0 && <Banner tone="bad">Data is lost for good: {lost.slice(0, 5).map((s) => shortID(s.object)).join(', ')}{lost.length > 5 && ` and ${lost.length - 5} more`}. Going back to an older revision does not bring it back.</Banner>}
      {deleted.length > 0 && <Deletions steps={deleted} />}
      <ol className={css.waves}>{waves(plan.steps).map((w, i) => <WaveBox key={i} wave={w} />)}</ol>
      {plan.warnings && plan.warnings.length > 0 && <ul className={css.warnings}>{plan.warnings.map((w) => <li key={w}><Icon name="alert" size={13} /> <T>{w}</T></li>)}</ul>}
      {frictionOf(plan) === 'type' && !plan.errors?.length && <Confirm name={app.name} typed={typed} onType={onType} />}
    </>
  )
}

function Deletions({ steps }: { steps: readonly PlanStep[] }) {
  return (
    <section className={css.deletions} aria-label="What is deleted">
      <h3>{counted(steps.length, 'object')} will be deleted</h3>
      <ul>{steps.map((s) => <li key={s.object}><KindIcon kind={parseID(s.object).kind} size={14} /><T>{s.object}</T>{s.risk && <Chip tone="warn"><T>{s.risk}</T></Chip>}</li>)}</ul>
    </section>
  )
}

function Confirm({ name, typed, onType }: { name: string; typed: string; onType: (t: string) => void }) {
  const id = useId()
  return (
    <div className={css.confirm}>
      <label htmlFor={id}>This cannot be taken back. Type <code>{name}</code> to confirm.</label>
      <input id={id} className={parts.input} value={typed} autoComplete="off" spellCheck={false} onChange={(e) => onType(e.target.value)} />
    </div>
  )
}

const phases: Record<string, string> = {
  Before: 'Before', Foundation: 'Namespaces and definitions', Main: 'Apply', After: 'After', Pruning: 'Delete what is no longer in Git', OnFailure: 'If it fails',
  BeforeDelete: 'Before the deletion', AfterDelete: 'After the deletion',
}
const signs = { create: '+', update: '~', delete: '−', replace: '±', hook: '▸', keep: '○' } as const

function WaveBox({ wave: w }: { wave: Wave }) {
  const [all, setAll] = useState(false)
  const shown = all ? w.steps : w.steps.slice(0, 40)
  return (
    <li className={css.wave}>
      <h3>{phases[w.phase] ?? w.phase}{w.wave !== 0 && <span className="muted">, wave {w.wave}</span>}<span className={css.count}>{counted(w.steps.length, 'step')}</span></h3>
      <ul>
        {shown.map((s) => {
          const o = parseID(s.object)
          const kind = kindOf(s.action)
          return (
            <li key={s.object + s.action} className={css.step} data-kind={kind}>
              <b aria-hidden="true">{signs[kind]}</b>
              <KindIcon kind={o.kind} size={14} />
              <span className={css.object}><span className="sr">{s.action} </span><T>{o.name}</T> <small><T>{[o.kind, o.namespace].filter(Boolean).join(' in ')}</T></small></span>
              <span className={css.reason}><T>{s.reason}</T></span>
              {s.risk && <Chip tone="warn"><T>{s.risk}</T></Chip>}
            </li>
          )
        })}
      </ul>
      {w.steps.length > shown.length && <Button small onClick={() => setAll(true)}>Show {w.steps.length - shown.length} more</Button>}
    </li>
  )
}

/** How the attempt goes, from what the App says of itself. */
function Progress({ app, started, plan }: { app: App; started: Started; plan: PlanAnswer | undefined }) {
  const wishes = useWishes(app)
  const deny = useDenial(app)
  const seen = app.handledRequest === started.id
  const attempt = app.attempt
  const ended = seen && attempt?.plan === started.digest && attempt.outcome
  const p = app.progress
  const all = plan === undefined ? [] : waves(plan.steps)
  return (
    <div className={parts.stack}>
      <p className={css.summary} role="status">
        {ended ? <><StateWord state={attempt.outcome === 'Succeeded' ? 'Healthy' : 'Failed'} strong /> <T>{attempt.message || (attempt.outcome === 'Succeeded' ? 'It is done, and healthy.' : attempt.outcome)}</T></> : !seen ? 'Asked for. The engine takes it up now.' : p ? <><StateWord state="Deploying" strong /> {phases[p.phase] ?? p.phase}, step {Math.min(p.group + 1, p.groups)} of {p.groups}</> : <><StateWord state={app.state} strong /> <T>{app.message}</T></>}
      </p>
      <ol className={css.progress}>
        {all.map((w, i) => {
          const done = ended === 'Succeeded' || (p !== undefined && i < p.group)
          const now = !ended && p !== undefined && i === p.group
          return (
            <li key={i} data-done={done || undefined} data-now={now || undefined}>
              <span className={css.mark}><Icon name={done ? 'check' : now ? 'clock' : 'minus'} size={12} /></span>
              <span>{phases[w.phase] ?? w.phase}{w.wave !== 0 && `, wave ${w.wave}`} <span className="muted">{counted(w.steps.length, 'step')}</span></span>
            </li>
          )
        })}
      </ol>
      {!ended && p?.waiting && p.waiting.length > 0 && (
        <ul className={css.waiting} aria-label="What it waits for">
          {p.waiting.slice(0, 6).map((w) => <li key={formatID(w.object)}><T>{shortID(formatID(w.object))}</T> to be {w.for}{w.message && <span className="muted">: <T>{w.message}</T></span>}</li>)}
        </ul>
      )}
      {!ended && <div><Button kind="danger" denied={deny('cancel')} busy={wishes.busy === 'cancel'} onClick={() => wishes.run('cancel')}><Icon name="stop" size={13} />Stop</Button></div>}
    </div>
  )
}

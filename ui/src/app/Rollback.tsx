import { useInfiniteQuery, useQuery, useQueryClient } from '@tanstack/react-query'
import { useId, useMemo, useState } from 'react'
import { problemOf } from '../api/client'
import { meQuery } from '../api/queries'
import type { ProblemBody } from '../api/types'
import { Ago, Banner, Button, CommitRef, Dialog, EmptyState, Icon, Problem, Skeleton, T, plain, short } from '../components'
import { toast } from '../shell/toast'
import { DiffObject } from './DiffObject'
import { holdTimes, until } from './hold'
import parts from './parts.module.css'
import { type App, deploymentsQuery, diffQuery, wishes as ask } from './queries'
import { useDenial } from './rights'
import css from './rollback.module.css'
import { goodOnes } from './timeline'
import type { Deployment } from './types'
import { usePlace } from './url'
import { counted, parseID, shortID } from './words'

/** Rollback goes back to something that was healthy: by a commit in Git, or at once by a hold that everybody sees. */
export default function Rollback({ app, onClose }: { app: App; onClose: () => void }) {
  const { place, go } = usePlace()
  const past = useInfiniteQuery(deploymentsQuery(place))
  const all = useMemo(() => past.data?.pages.flatMap((p) => p.items) ?? [], [past.data])
  const good = useMemo(() => goodOnes(all, app.bundle), [all, app.bundle])
  const chosen = good.find((d) => d.id === place.search.to) ?? good[0]
  const how = place.search.how === 'hold' ? 'hold' : 'revert'
  const act = useActs(app, onClose)
  const choose = (search: Record<string, string | undefined>) => go({ search }, 'replace')
  return (
    <Dialog
      open onClose={onClose} title={<>Roll back <T>{app.name}</T></>} width={820}
      footer={<><Button onClick={onClose}>Not now</Button>{chosen && <Go how={how} app={app} to={chosen} act={act} />}</>}
    >
      <div className={parts.stack}>
        {past.error && <Problem what="Reading the deployments" problem={problemOf(past.error)} />}
        {!past.data && !past.error && <Skeleton rows={6} height={34} />}
        {past.data && !chosen && <EmptyState title="There is nothing to go back to" icon="back"><p>No earlier deployment of this App was healthy. A commit that mends it is the way.</p></EmptyState>}
        {chosen && (
          <>
            <Where good={good} chosen={chosen} onChoose={(id) => choose({ to: id })} />
            <How how={how} app={app} to={chosen} act={act} onHow={(h) => choose({ how: h === 'hold' ? 'hold' : undefined })} />
            {act.problem && <Problem what={how === 'hold' ? 'Holding' : 'Reverting'} problem={act.problem} />}
            <Changes from={all[0]!} to={chosen} />
          </>
        )}
      </div>
    </Dialog>
  )
}

function Where({ good, chosen, onChoose }: { good: readonly Deployment[]; chosen: Deployment; onChoose: (id: string) => void }) {
  const id = useId()
  return (
    <div className={css.where}>
      <label htmlFor={id}>Back to</label>
      <select id={id} className={parts.select} value={chosen.id} onChange={(e) => onChoose(e.target.value)}>
        {good.map((d, i) => <option key={d.id} value={d.id}>{plain(`${short(d.commit?.sha ?? d.bundle)} ${d.commit?.subject ?? ''}${i === 0 ? ' – the last healthy one' : ''}`).slice(0, 100)}</option>)}
      </select>
      <span className={css.commit}>{chosen.commit && <CommitRef commit={chosen.commit} />}<span className="muted">was healthy <Ago at={chosen.ended ?? chosen.started} suffix=" ago" /></span></span>
    </div>
  )
}

interface Acts {
  shared: 'include' | 'skip' | ''
  setShared: (s: 'include' | 'skip') => void
  reason: string
  setReason: (r: string) => void
  time: string
  setTime: (t: string) => void
  busy: boolean
  problem: ProblemBody | undefined
  revert: (to: Deployment) => void
  hold: (to: Deployment) => void
}

function useActs(app: App, onClose: () => void): Acts {
  const client = useQueryClient()
  const [shared, setShared] = useState<'include' | 'skip' | ''>('')
  const [reason, setReason] = useState('')
  const [time, setTime] = useState('4h')
  const [busy, setBusy] = useState(false)
  const [problem, setProblem] = useState<ProblemBody>()
  const run = async (what: () => Promise<string>) => {
    setBusy(true)
    setProblem(undefined)
    try {
      toast('good', await what())
      void client.invalidateQueries({ queryKey: ['app', app.namespace, app.name] })
      onClose()
    } catch (e) {
      setProblem(problemOf(e))
    } finally {
      setBusy(false)
    }
  }
  return {
    shared, setShared, reason, setReason, time, setTime, busy, problem,
    revert: (to) => void run(async () => {
      const out = await ask.revert(app, { to: to.commit?.sha ?? '', shared, message: reason })
      return out.commit ? `Reverted by commit ${short(out.commit)} on ${out.branch}` : 'Nothing had to be reverted'
    }),
    hold: (to) => void run(async () => {
      await ask.hold(app, { ...(to.commit?.sha ? { revision: to.commit.sha } : { bundle: to.bundle }), reason, until: until(time, Date.now()) })
      return `Held on ${short(to.commit?.sha ?? to.bundle)}`
    }),
  }
}

function How({ how, app, to, act, onHow }: { how: 'revert' | 'hold'; app: App; to: Deployment; act: Acts; onHow: (h: 'revert' | 'hold') => void }) {
  const me = useQuery(meQuery)
  const name = useId()
  const option = (value: 'revert' | 'hold', title: string, text: React.ReactNode) => (
    <label className={css.option} data-chosen={how === value || undefined}>
      <input type="radio" name={name} value={value} checked={how === value} onChange={() => onHow(value)} />
      <span><strong>{title}</strong><span>{text}</span></span>
    </label>
  )
  return (
    <fieldset className={css.how}>
      <legend>How</legend>
      {option('revert', 'Revert in Git', 'A commit restores the files that this App is made of. Git stays the truth; the App follows as always.')}
      {option('hold', 'Hold on it now', <>Pins the App at once, whatever Git says. Everybody sees it, with {me.data ? <T>{me.data.name}</T> : 'you'} as its owner, and an end.</>)}
      {how === 'revert' ? <RevertDetails app={app} to={to} act={act} /> : <HoldDetails act={act} />}
    </fieldset>
  )
}

function RevertDetails({ app, to, act }: { app: App; to: Deployment; act: Acts }) {
  const id = useId()
  const preview = useQuery({
    queryKey: ['app', app.namespace, app.name, 'revert', to.id], staleTime: Infinity, gcTime: 0,
    queryFn: () => ask.revert(app, { to: to.commit?.sha ?? '', preview: true }),
  })
  if (preview.error) return <Problem what="Looking at what a revert would change" problem={problemOf(preview.error)} />
  if (!preview.data) return <Skeleton rows={2} height={18} />
  const files = preview.data.files ?? []
  const shared = Object.entries(preview.data.shared ?? {})
  return (
    <div className={css.details}>
      <p>{files.length === 0 ? 'No file differs: Git says already what it said then.' : `${counted(files.length, 'file')} on ${plain(preview.data.branch)}:`}</p>
      <ul className={css.files}>{files.slice(0, 12).map((f) => <li key={f.path} className="mono"><T>{f.path}</T>{f.deleted && <span className="muted"> is deleted</span>}</li>)}{files.length > 12 && <li className="muted">and {files.length - 12} more</li>}</ul>
      {shared.length > 0 && (
        <fieldset className={css.shared}>
          <legend>{counted(shared.length, 'file')} {shared.length === 1 ? 'is' : 'are'} read by other Apps too</legend>
          <ul className={css.files}>{shared.slice(0, 6).map(([path, keys]) => <li key={path}><span className="mono"><T>{path}</T></span> <span className="muted">{keys.map((k) => `${k.namespace}/${k.name}`).slice(0, 4).join(', ')}{keys.length > 4 && ` and ${keys.length - 4} more`}</span></li>)}</ul>
          <label><input type="radio" name={id} checked={act.shared === 'skip'} onChange={() => act.setShared('skip')} /> Leave them as they are</label>
          <label><input type="radio" name={id} checked={act.shared === 'include'} onChange={() => act.setShared('include')} /> Restore them, for every App that reads them</label>
        </fieldset>
      )}
      <Reason act={act} label="Why, for the commit message" />
    </div>
  )
}

function HoldDetails({ act }: { act: Acts }) {
  const id = useId()
  return (
    <div className={css.details}>
      <label htmlFor={id} className={css.time}>
        <span>For</span>
        <select id={id} className={parts.select} value={act.time} onChange={(e) => act.setTime(e.target.value)}>{holdTimes.map((h) => <option key={h.id} value={h.id}>{h.label}</option>)}</select>
      </label>
      <Reason act={act} label="Why, for those who see the banner" />
    </div>
  )
}

function Reason({ act, label }: { act: Acts; label: string }) {
  const id = useId()
  return (
    <div>
      <label htmlFor={id}>{label}</label>
      <input id={id} className={parts.input} value={act.reason} maxLength={200} placeholder="incident 512" onChange={(e) => act.setReason(e.target.value)} />
    </div>
  )
}

/** What going back changes, from what was tried last, and what it would lose. */
function Changes({ from, to }: { from: Deployment; to: Deployment }) {
  const { place } = usePlace()
  const sides = { left: `deployment:${from.id}`, right: `deployment:${to.id}` }
  const q = useInfiniteQuery(diffQuery(place, sides))
  const objects = q.data?.pages.flatMap((p) => p.objects) ?? []
  const lost = objects.filter((o) => o.action === 'removed' && ['PersistentVolumeClaim', 'PersistentVolume', 'Namespace', 'CustomResourceDefinition', 'StatefulSet'].includes(parseID(o.object).kind))
  const definitions = objects.filter((o) => o.action === 'changed' && parseID(o.object).kind === 'CustomResourceDefinition')
  if (q.error) return <Problem what="Comparing with what runs now" problem={problemOf(q.error)} />
  if (!q.data) return <Skeleton rows={3} height={40} label="Comparing with what runs now" />
  return (
    <section className={parts.stack} aria-label="What going back changes">
      <h3>{objects.length === 0 ? 'Going back changes no object' : `Going back changes ${counted(objects.length, 'object')}`}</h3>
      {lost.length > 0 && <Banner tone="bad">Data is lost for good: {lost.map((o) => shortID(o.object)).join(', ')}.</Banner>}
      {definitions.length > 0 && <Banner tone="warn">{definitions.map((o) => shortID(o.object)).join(', ')}: an older definition may drop fields of every object of its kind.</Banner>}
      {objects.map((o) => <DiffObject key={o.object} id={`back-${o.object}`} diff={o} sides={sides} open />)}
      {q.hasNextPage && <Button small onClick={() => void q.fetchNextPage()}>Show more</Button>}
    </section>
  )
}

function Go({ how, app, to, act }: { how: 'revert' | 'hold'; app: App; to: Deployment; act: Acts }) {
  const deny = useDenial(app)
  if (how === 'hold') return <Button kind="primary" denied={deny('hold')} busy={act.busy} onClick={() => act.hold(to)}><Icon name="pause" size={14} />Hold on {short(to.commit?.sha ?? to.bundle)} now</Button>
  return <Button kind="primary" denied={deny('rollback')} busy={act.busy} onClick={() => act.revert(to)}><Icon name="back" size={14} />Revert in Git</Button>
}

import { useInfiniteQuery, useQuery } from '@tanstack/react-query'
import { useMemo } from 'react'
import { problemOf } from '../api/client'
import { Ago, Button, CommitRef, EmptyState, Icon, Problem, Skeleton, StateGlyph, T, duration, exact, known, plain, short, span } from '../components'
import { DiffObject } from './DiffObject'
import parts from './parts.module.css'
import { type App, axisQuery, comparisonQuery, deploymentsQuery } from './queries'
import { Measured } from './Measured'
import css from './timeline.module.css'
import { blocking, choose, goodOnes, type KindID, kinds, kindsOf, ordered, outcomeState, rows, switched, trigger } from './timeline'
import { DriftRow, PauseRow } from './TimelineChanges'
import type { Deployment, ImageChange } from './types'
import { usePlace } from './url'
import { counted } from './words'

/** Timeline is every attempt, drift and pause, newest first, with the quiet times between; two attempts can be compared. */
export default function Timeline({ app }: { app: App }) {
  const { place, go } = usePlace()
  const q = useInfiniteQuery(deploymentsQuery(place))
  const axis = useInfiniteQuery(axisQuery(place))
  const list = useMemo(() => q.data?.pages.flatMap((p) => p.items) ?? [], [q.data])
  const changes = useMemo(() => axis.data?.pages.flatMap((p) => p.items) ?? [], [axis.data])
  const shown = kindsOf(place.search.kinds)
  const chosen = (place.search.pick ?? '').split(',').filter(Boolean)
  const pair = ordered(list, chosen)
  const loaded = [{ items: list, more: q.hasNextPage }, { items: changes, more: axis.hasNextPage }] as const
  const all = useMemo(() => rows({ items: list, more: q.hasNextPage }, { items: changes, more: axis.hasNextPage }, kindsOf(place.search.kinds)), [list, changes, q.hasNextPage, axis.hasNextPage, place.search.kinds])
  if (q.error && !q.data) return <Problem what="Reading the deployments" problem={problemOf(q.error)} />
  if (!q.data || axis.isPending) return <Skeleton rows={8} height={52} />
  const good = new Set(goodOnes(list, app.bundle).map((d) => d.id))
  const wanting = { deployments: q, changes: axis }[blocking(...loaded, shown) ?? 'deployments']
  return (
    <div className={parts.stack}>
      <Measured app={app} />
      <div className={css.bar}>
        <Kinds shown={shown} onSwitch={(k) => go({ search: { kinds: switched(shown, k) } }, 'replace')} />
        {list.length > 1 && <p className="muted" role="status">{chosen.length === 0 ? 'Choose two deployments to compare them.' : chosen.length === 1 ? 'Choose one more.' : 'Compared below.'}</p>}
        {chosen.length > 0 && <Button small onClick={() => go({ search: { pick: undefined } })}>Choose none</Button>}
      </div>
      {axis.error && <Problem what="Reading drift and pauses" problem={problemOf(axis.error)} />}
      {pair && <Compare left={pair[0]} right={pair[1]} />}
      {all.length === 0 && <Nothing none={list.length === 0 && shown.has('deployments')} />}
      <ol className={css.line}>
        {all.map((r, i) => {
          if ('quiet' in r) return <li key={`q${i}`} className={css.quiet}>{span(r.quiet)} quiet</li>
          if ('drift' in r) return <DriftRow key={`d${r.drift[0]!.seq}`} list={r.drift} onOpen={(object) => go({ object, objectTab: 'diff' })} />
          if ('pause' in r) return <PauseRow key={`p${r.pause.seq}`} c={r.pause} lasted={r.lasted} />
          const d = r.deployment
          return (
            <Row key={d.id} d={d} chosen={chosen.includes(d.id)} onChoose={() => go({ search: { pick: choose(chosen, d.id).join(',') } }, 'replace')}
              onBack={good.has(d.id) ? () => go({ search: { dialog: 'rollback', to: d.id } }) : undefined} />
          )
        })}
      </ol>
      {blocking(...loaded, shown) && <Button busy={wanting.isFetchingNextPage} onClick={() => void wanting.fetchNextPage()}>Show older ones</Button>}
    </div>
  )
}

function Kinds({ shown, onSwitch }: { shown: ReadonlySet<KindID>; onSwitch: (k: KindID) => void }) {
  return (
    <div className={css.kinds} role="group" aria-label="What is shown">
      {kinds.map((k) => (
        <button key={k.id} type="button" aria-pressed={shown.has(k.id)} onClick={() => onSwitch(k.id)}>{shown.has(k.id) && <Icon name="check" size={13} />}{k.label}</button>
      ))}
    </div>
  )
}

function Nothing({ none }: { none: boolean }) {
  if (none) return <EmptyState title="No deployment yet" icon="clock"><p>The first revision that is applied stands here, with its commits and images.</p></EmptyState>
  return <EmptyState title="Nothing of this kind" icon="clock"><p>Nothing of what is switched on above happened, as far as the history goes.</p></EmptyState>
}

function Row({ d, chosen, onChoose, onBack }: { d: Deployment; chosen: boolean; onChoose: () => void; onBack: (() => void) | undefined }) {
  const state = outcomeState(d.outcome)
  // The commit that changed the App, which need not be the one that Git stood at.
  const commit = d.commits?.[0] ?? d.commit
  const name = plain(`${d.outcome} ${short(commit?.sha ?? d.bundle)} ${commit?.subject ?? ''}`)
  return (
    <li className={css.row} data-state={state} data-chosen={chosen || undefined}>
      <span className={css.dot}><StateGlyph state={state} size={18} /></span>
      <article className={css.card} aria-label={name}>
        <div className={css.first}>
          <span className={css.outcome}>{d.outcome === 'Running' ? 'Running' : d.outcome}</span>
          {d.rollback && <span className={css.back}><Icon name="back" size={12} />rollback</span>}
          {commit ? <CommitRef commit={commit} brief /> : <span className="mono">{short(d.bundle)}</span>}
          <span className={css.when} title={exact(d.started)}><Ago at={known(d.ended) ? d.ended : d.started} suffix=" ago" /></span>
        </div>
        <div className={css.second}>
          {commit?.author && <span><T>{commit.author}</T></span>}
          <span><T>{trigger(d)}</T></span>
          {d.duration !== undefined && d.duration > 0 && <span title="from the start to the end of the attempt">took {duration(d.duration)}</span>}
          {d.leadTime !== undefined && d.leadTime > 0 && <span title="from the newest commit to healthy">{duration(d.leadTime)} from commit to healthy</span>}
          <Counts d={d} />
          {known(d.liveUntil) && known(d.ended) && <span>ran for {span((Date.parse(d.liveUntil) - Date.parse(d.ended)) / 1000)}</span>}
        </div>
        {d.message && d.outcome !== 'Succeeded' && <p className={css.message}><T>{d.message}</T></p>}
        {d.images && d.images.length > 0 && <Images images={d.images} />}
        {d.commits && d.commits.length > 1 && (
          <details className={css.commits}>
            <summary>{d.commits.length} commits touched its inputs</summary>
            <ul className={parts.stack}>{d.commits.map((c, i) => <li key={i}><CommitRef commit={c} /></li>)}</ul>
          </details>
        )}
      </article>
      <div className={css.tools}>
        <label className={css.choose}><input type="checkbox" checked={chosen} onChange={onChoose} /><span>Compare<span className="sr"> {name}</span></span></label>
        {onBack && <Button small kind="quiet" onClick={onBack}><Icon name="back" size={13} />Go back here<span className="sr"> to {name}</span></Button>}
      </div>
    </li>
  )
}

function Counts({ d }: { d: Deployment }) {
  const said = [[d.created, 'created'], [d.changed, 'changed'], [d.deleted, 'deleted']] as const
  const words = said.filter(([n]) => n !== undefined && n > 0).map(([n, w]) => `${n} ${w}`)
  return words.length > 0 ? <span>{words.join(', ')}</span> : null
}

export function Images({ images }: { images: readonly ImageChange[] }) {
  return (
    <ul className={css.images}>
      {images.map((i) => (
        <li key={i.name} title={plain(i.name)}>
          <span className="muted"><T>{i.name.split('/').at(-1)}</T></span>
          {i.before ? <code className={css.before}><T>{i.before}</T></code> : <span className="muted">new</span>}
          <Icon name="right" size={12} />
          {i.after ? <code className={css.after}><T>{i.after}</T></code> : <span className="muted">gone</span>}
        </li>
      ))}
    </ul>
  )
}

function Compare({ left, right }: { left: string; right: string }) {
  const { place } = usePlace()
  const q = useQuery(comparisonQuery(place, left, right))
  if (q.error) return <Problem what="Comparing the deployments" problem={problemOf(q.error)} />
  if (!q.data) return <Skeleton rows={4} height={40} />
  const c = q.data
  const sides = { left: `deployment:${left}`, right: `deployment:${right}` }
  return (
    <section className={css.compare} aria-label="Comparison">
      <header className={css.pair}>
        <Side d={c.left} />
        <Icon name="right" />
        <Side d={c.right} />
      </header>
      {c.images && c.images.length > 0 && <Images images={c.images} />}
      {c.commits && c.commits.length > 0 && (
        <details className={css.commits} open={c.commits.length < 6}>
          <summary>{counted(c.commits.length, 'commit')}</summary>
          <ul className={parts.stack}>{c.commits.map((x, i) => <li key={i}><CommitRef commit={x} /></li>)}</ul>
        </details>
      )}
      {c.diff.objects.length === 0 && <p className="muted">The objects are the same.</p>}
      {c.diff.objects.map((o) => <DiffObject key={o.object} id={`compare-${o.object}`} diff={o} sides={sides} open />)}
    </section>
  )
}

function Side({ d }: { d: Deployment }) {
  return <span className={css.sideOf}><StateGlyph state={outcomeState(d.outcome)} />{d.commits?.[0] ?? d.commit ? <CommitRef commit={d.commits?.[0] ?? d.commit} brief /> : <code>{short(d.bundle)}</code>}<span className="muted"><Ago at={d.started} suffix=" ago" /></span></span>
}

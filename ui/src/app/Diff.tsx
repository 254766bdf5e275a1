import { useInfiniteQuery, useQuery } from '@tanstack/react-query'
import { useMemo, useState } from 'react'
import { problemOf } from '../api/client'
import { Ago, Button, Chip, EmptyState, Icon, IconButton, Problem, Skeleton, T, plain, short } from '../components'
import { split } from './diffgroups'
import css from './diff.module.css'
import { DiffObject } from './DiffObject'
import { KindIcon } from './kinds'
import { NotOurs } from './NotOurs'
import parts from './parts.module.css'
import { deploymentsQuery, diffQuery, objectDiffQuery } from './queries'
import type { Diff as DiffAnswer, ObjectDiff } from './types'
import { usePlace } from './url'
import { counted, parseID } from './words'

const sideNames: Record<string, string> = { git: 'Git', applied: 'Last applied', live: 'Live' }

export function sideName(side: string): string {
  return sideNames[side] ?? (side.startsWith('deployment:') ? `Deployment ${side.slice(11)}` : side)
}

/** Diff compares two sides of the App: what Git says, what was applied, what is live, or a past deployment. */
export default function Diff() {
  const { place } = usePlace()
  const q = useInfiniteQuery(diffQuery(place, { left: place.search.left, right: place.search.right, quiet: place.search.quiet }))
  const first = q.data?.pages[0]
  const objects = useMemo(() => q.data?.pages.flatMap((p) => p.objects) ?? [], [q.data])
  const problems = q.data?.pages.flatMap((p) => p.problems ?? []) ?? []
  return (
    <div className={parts.stack}>
      <Sides left={first?.left} right={first?.right} />
      {q.error && first === undefined && <Problem what="Comparing" problem={problemOf(q.error)}><Button small onClick={() => void q.refetch()}>Try again</Button></Problem>}
      {first === undefined && !q.error && <Skeleton rows={6} height={44} label="Comparing" />}
      {problems.length > 0 && (
        <details className={css.problems} open={problems.length === 1 && objects.length === 0}>
          <summary>{counted(problems.length, 'object')} could not be compared</summary>
          <div className={parts.stack}>{problems.map((p, i) => <Problem key={i} what={p.where ? `Comparing ${plain(p.where)}` : 'Comparing one object'} problem={p} />)}</div>
        </details>
      )}
      {first && objects.length === 0 && (
        <EmptyState title="No differences" icon="check" tone="good">
          <p>Compared {counted(first.compared, 'object')} <Ago at={first.at} suffix=" ago" />.</p>
          <Quiet answer={first} />
        </EmptyState>
      )}
      {first && objects.length > 0 && <Objects answer={first} objects={objects} />}
      {q.hasNextPage && <Button onClick={() => void q.fetchNextPage()} busy={q.isFetchingNextPage}>Show more objects</Button>}
    </div>
  )
}

/** Sides chooses what is compared with what. */
export function Sides({ left, right }: { left: string | undefined; right: string | undefined }) {
  const { place, go } = usePlace()
  const past = useInfiniteQuery(deploymentsQuery(place))
  const deployments = past.data?.pages.flatMap((p) => p.items) ?? []
  const options = ['git', 'applied', 'live', ...deployments.map((d) => `deployment:${d.id}`)]
  const text = (side: string) => {
    const d = deployments.find((x) => `deployment:${x.id}` === side)
    return d ? plain(`${short(d.commit?.sha ?? d.bundle)} ${d.commit?.subject ?? ''} (${d.outcome}, ${new Date(d.started).toLocaleString()})`).slice(0, 90) : sideName(side)
  }
  const select = (which: 'left' | 'right', value: string | undefined, label: string) => (
    <label className={css.side}>
      <span className="muted">{label}</span>
      <select className={parts.select} value={value ?? ''} onChange={(e) => go({ search: { left, right, [which]: e.target.value } }, 'replace')}>
        {value === undefined && <option value="">…</option>}
        {value !== undefined && !options.includes(value) && <option value={value}>{sideName(value)}</option>}
        {options.map((o) => <option key={o} value={o}>{text(o)}</option>)}
      </select>
    </label>
  )
  return (
    <div className={css.sides}>
      {select('left', place.search.left ?? left, 'From')}
      <IconButton small label="Swap the sides" onClick={() => go({ search: { left: right, right: left } }, 'replace')}><Icon name="sync" size={14} /></IconButton>
      {select('right', place.search.right ?? right, 'to')}
    </div>
  )
}

const signs: Record<string, string> = { added: '+', removed: '−', changed: '~' }

function Objects({ answer, objects }: { answer: DiffAnswer; objects: readonly ObjectDiff[] }) {
  const { loud, quiet } = split(objects)
  const [closed, setClosed] = useState<ReadonlySet<string>>(new Set())
  const shown = [...loud, ...quiet]
  const allClosed = shown.every((o) => closed.has(o.object))
  return (
    <>
      <div className="spread">
        <p className="muted" role="status">
          {counted(loud.length, 'object')} of {answer.compared} {loud.length === 1 ? 'differs' : 'differ'}{quiet.length > 0 && `, ${quiet.length} only in what others set`}. Compared <Ago at={answer.at} suffix=" ago" />.
        </p>
        <Button small onClick={() => setClosed(allClosed ? new Set() : new Set(shown.map((o) => o.object)))}>{allClosed ? 'Open all' : 'Close all'}</Button>
      </div>
      <div className={css.columns}>
        <nav className={css.list} aria-label="Objects that differ">
          {shown.map((o) => {
            const id = parseID(o.object)
            return (
              <a key={o.object} href={`#${anchor(o.object)}`} className={css.entry} onClick={(e) => {
                e.preventDefault()
                setClosed((c) => new Set([...c].filter((x) => x !== o.object)))
                document.getElementById(anchor(o.object))?.scrollIntoView({ block: 'start' })
                document.getElementById(anchor(o.object))?.focus({ preventScroll: true })
              }}>
                <b data-action={o.action} title={o.action}>{signs[o.action] ?? '~'}</b>
                <KindIcon kind={id.kind} size={14} />
                <span className="cut" title={plain(o.object)}><T>{id.name}</T></span>
                {o.risk && <Icon name="alert" size={13} />}
              </a>
            )
          })}
          <Quiet answer={answer} />
        </nav>
        <div className={parts.stack}>
          {shown.map((o) => (
            <DiffObject
              key={o.object} id={anchor(o.object)} diff={o} sides={answer} open={!closed.has(o.object)}
              onToggle={() => setClosed((c) => (c.has(o.object) ? new Set([...c].filter((x) => x !== o.object)) : new Set([...c, o.object])))}
            />
          ))}
        </div>
      </div>
    </>
  )
}

/** Quiet says how much differs that wants nobody's attention, and shows it when asked. */
function Quiet({ answer }: { answer: DiffAnswer }) {
  const { place, go } = usePlace()
  const n = answer.quietObjects ?? 0
  if (place.search.quiet === 'true') return <Button small kind="quiet" onClick={() => go({ search: { quiet: undefined } }, 'replace')}>Leave out what others set</Button>
  if (n === 0) return null
  const fields = Object.values(answer.quiet ?? {}).reduce((a, b) => a + b, 0)
  return <Button small kind="quiet" className={css.quiet} title="Fields that the API server filled in, and fields of other managers" onClick={() => go({ search: { quiet: 'true' } }, 'replace')}>{counted(n, 'object')} more, {counted(fields, 'field')}: only what others set</Button>
}

const anchor = (object: string) => `diff-${object.replace(/[^\w.-]/g, '_')}`

/** ObjectDiffTab is the comparison of one object, whole. */
export function ObjectDiffTab({ object }: { object: string }) {
  const { place } = usePlace()
  const left = place.search.left ?? 'git'
  const right = place.search.right ?? 'live'
  const q = useQuery(objectDiffQuery(place, object, left, right))
  const o = q.data?.objects[0]
  return (
    <div className={parts.stack}>
      <Sides left={left} right={right} />
      {q.error && (problemOf(q.error).reason === 'NotOwned' ? <NotOurs /> : <Problem what="Comparing" problem={problemOf(q.error)} />)}
      {!q.data && !q.error && <Skeleton rows={5} height={40} />}
      {q.data?.problems?.map((p, i) => <Problem key={i} what="Comparing" problem={p} />)}
      {q.data && !o && !q.data.problems?.length && <EmptyState title="No differences" icon="check" tone="good"><p>{sideName(left)} and {sideName(right).toLowerCase()} say the same.</p></EmptyState>}
      {o && <DiffObject id="diff-of-object" diff={o} sides={q.data!} open bare />}
    </div>
  )
}

/** Risk says in words what is dangerous. */
export function Risk({ risk }: { risk: string | undefined }) {
  if (!risk) return null
  return <Chip tone="warn"><Icon name="alert" size={12} /><T>{risk}</T></Chip>
}

import { useQuery } from '@tanstack/react-query'
import { useMemo, useState } from 'react'
import { problemOf } from '../api/client'
import { Ago, CommitRef, CopyButton, Icon, Problem, Skeleton, StateWord, T, exact, known, plain } from '../components'
import { type App, graphQuery, objectDiffQuery, whyQuery } from './queries'
import type { Excerpt, Health, Node, Why as WhyAnswer } from './types'
import { type ObjectTabID, usePlace } from './url'
import { type ChainStep, chain, culprits, findChild } from './whychain'
import css from './why.module.css'
import { formatID } from './words'

/** Why is the chain of causes of one object, or ("app") of the App by the object that is to blame. */
export function Why({ app, object }: { app: App; object: string }) {
  const { place, go } = usePlace()
  const { owner, node, ready } = useOwner(object)
  const why = useQuery({ ...whyQuery(place, owner), enabled: ready })
  const id = why.data?.object && why.data.object.id.kind !== '' ? formatID(why.data.object.id) : owner
  const stems = owner !== object && why.data?.object !== undefined && node !== undefined
  const child = stems ? (findChild(why.data!.object!, object) ?? { by: node.parent ?? owner, health: { level: node.health, reason: node.reason, message: node.message } as Health, events: [], children: [] }) : undefined
  const there = why.data?.object !== undefined && !why.data.object.missing
  const diff = useQuery({ ...objectDiffQuery(place, id, 'git', 'live'), enabled: there })
  if (why.error && why.data === undefined) return <Problem what="Asking why" problem={problemOf(why.error)} />
  if (why.data === undefined) return <Skeleton rows={8} height={34} label="Asking why" />
  const steps = chain({ why: why.data, app, diff: diff.data, child })
  const causes = culprits(steps)
  return (
    <div className={css.why}>
      {object === 'app' && why.data.object && (
        <p className={css.blamed}>
          By <button type="button" className={css.link} onClick={() => go({ object: id })}><T>{id}</T></button> <StateWord state={why.data.object.health.level} />
        </p>
      )}
      {causes.length > 0 && (
        <ul className={css.causes} aria-label="The cause">
          {causes.map((c) => (
            <li key={c.key} className={css.cause} data-status={c.status}>
              <Icon name={c.status === 'bad' ? 'alert' : 'clock'} />
              <span><strong>{c.title}: </strong><T>{c.blame ?? c.text}</T></span>
            </li>
          ))}
        </ul>
      )}
      <ol className={css.chain}>
        {steps.map((s) => <Step key={s.key} step={s} first={causes.includes(s)} onTab={(tab) => go({ object: child && (tab === 'events' || tab === 'live') ? object : id, objectTab: tab })} />)}
      </ol>
      <Next why={why.data} app={app} pod={object.startsWith('Pod/') ? object : deepest(why.data)} />
    </div>
  )
}

/** What of ours an object stems from, by the graph; itself where it is ours, or not in the graph. */
function useOwner(object: string): { owner: string; node: Node | undefined; ready: boolean } {
  const { place } = usePlace()
  const expand = useMemo(() => (place.search.open ?? '').split(',').filter(Boolean), [place.search.open])
  const graph = useQuery({ ...graphQuery(place, expand, 'calm'), enabled: object !== 'app' })
  return useMemo(() => {
    const byID = new Map(graph.data?.nodes.map((n) => [n.id, n]))
    const node = byID.get(object)
    let owner = node
    for (let i = 0; i < 50 && owner !== undefined && !owner.ours && owner.parent; i++) owner = byID.get(owner.parent)
    return { owner: owner?.ours ? owner.id : object, node, ready: object === 'app' || !graph.isPending }
  }, [graph.data, graph.isPending, object])
}

const marks = { ok: 'check', bad: 'x', wait: 'clock', off: 'minus' } as const
const said = { ok: 'done', bad: 'the cause is here', wait: 'waits', off: 'not reached, or not known' } as const

function Step({ step, first, onTab }: { step: ChainStep; first: boolean; onTab: (tab: ObjectTabID) => void }) {
  const [all, setAll] = useState(false)
  const lines = step.lines ?? []
  const few = first || all ? lines : lines.slice(0, 2)
  const text = [step.title, step.commit && `${step.commit.sha} ${step.commit.subject ?? ''}`, step.file, step.text, ...lines, step.at].filter(Boolean).join('\n')
  return (
    <li className={css.step} data-status={step.status} data-first={first || undefined}>
      <span className={css.mark} title={said[step.status]}>
        <Icon name={marks[step.status]} size={13} />
        <span className="sr">{said[step.status]}</span>
      </span>
      <div className={css.body}>
        <div className={css.line}>
          <h3>{step.title}</h3>
          {known(step.at) && <span className="muted" title={exact(step.at)}><Ago at={step.at} suffix=" ago" /></span>}
          <span className={css.tools}>
            {step.tab && <button type="button" className={css.more} onClick={() => onTab(step.tab!)}>{tabWords[step.tab]}</button>}
            <CopyButton text={text} label={`Copy the step ${step.title}`} />
          </span>
        </div>
        {step.commit && <CommitRef commit={step.commit} />}
        {step.file && <p className="mono"><T>{step.file}</T></p>}
        {step.text && <p className={css.text}><T>{step.text}</T></p>}
        {step.excerpt && <ExcerptBox excerpt={step.excerpt} />}
        {few.length > 0 && <ul className={css.lines}>{few.map((l, i) => <li key={i}><T>{l}</T></li>)}</ul>}
        {lines.length > few.length && <button type="button" className={css.more} onClick={() => setAll(true)}>{lines.length - few.length} more</button>}
      </div>
    </li>
  )
}

const tabWords = { diff: 'Show the fields', live: 'Show the YAML', events: 'Events', logs: 'Logs', blame: 'Who set each field' }

/** ExcerptBox shows lines of a file, one of them marked. */
export function ExcerptBox({ excerpt }: { excerpt: Excerpt }) {
  return (
    <figure className={css.excerpt}>
      <figcaption className="mono">{plain(excerpt.file)}:{excerpt.line}</figcaption>
      {/* A region that scrolls can be reached by keyboard. */}
      <pre tabIndex={0} aria-label={`Lines of ${plain(excerpt.file)}`}>
        {excerpt.lines.map((l, i) => {
          const n = excerpt.from + i
          return <span key={n} data-marked={n === excerpt.line || undefined}><i>{n}</i><T>{l}</T>{n === excerpt.line && <b className="sr"> (here)</b>}{'\n'}</span>
        })}
      </pre>
    </figure>
  )
}

function Next({ why, app, pod }: { why: WhyAnswer; app: App; pod: string | undefined }) {
  const { go } = usePlace()
  const has = (a: string) => app.actions?.includes(a) ?? false
  const actions: [string, string, () => void][] = []
  if (pod) actions.push(['list', 'Read its log', () => go({ object: pod, objectTab: 'logs' })])
  if (has('rollback') && app.state !== 'Synced') actions.push(['back', 'Roll back…', () => go({ search: { dialog: 'rollback' } })])
  if (has('sync') || has('plan')) actions.push(['sync', 'Plan & sync', () => go({ search: { dialog: 'plan' } })])
  if (why.object && !why.object.inSync) actions.push(['matrix', 'Show what differs', () => go({ objectTab: 'diff' })])
  if (!why.next && actions.length === 0) return null
  return (
    <section className={css.next} aria-label="What to do next">
      <h3>Next</h3>
      {why.next && <p className={css.command}><code><T>{why.next}</T></code><CopyButton text={why.next} label="Copy what to do next" /></p>}
      <div className={css.actions}>
        {actions.map(([icon, label, run]) => <button key={label} type="button" className={css.action} onClick={run}><Icon name={icon} size={14} />{label}</button>)}
      </div>
    </section>
  )
}

/** The Pod to blame, if there is one. */
function deepest(why: WhyAnswer): string | undefined {
  let found: string | undefined
  const walk = (list: NonNullable<WhyAnswer['object']>['children']) => {
    for (const c of list ?? []) {
      if (c.health.level === 'Healthy' || found) continue
      if (c.id.kind === 'Pod') found = formatID(c.id)
      walk(c.children)
    }
  }
  walk(why.object?.children)
  return found
}

import { useQuery } from '@tanstack/react-query'
import { useEffect, useMemo, useRef, useState } from 'react'
import { problemOf } from '../api/client'
import { Button, EmptyState, Icon, IconButton, Problem, Skeleton, plain } from '../components'
import { useFill } from './fill'
import { bare } from './ansi'
import { LogRing } from './logring'
import css from './logs.module.css'
import { type LogStatus, readLog } from './logstream'
import { LogView } from './LogView'
import parts from './parts.module.css'
import { type App, containersQuery, graphQuery, logsPath } from './queries'
import { useDenial } from './rights'
import type { Container, Key, Node } from './types'
import { usePlace } from './url'
import { counted, formatID, isCalm, shortID } from './words'

const kept = 100_000
const logged = new Set(['Pod', 'Deployment', 'StatefulSet', 'DaemonSet', 'Job', 'ReplicaSet', 'CronJob'])

/** Logs is the log of one object's containers; for the App as a whole the object is chosen first. */
export default function Logs({ object, app }: { object: string; app: App }) {
  const deny = useDenial(app)
  const no = deny('logs')
  if (no) return <EmptyState title="You may not read logs here" icon="secrets"><p>It {no}.</p></EmptyState>
  return object === '' ? <OfApp app={app} /> : <OfObject key={object} object={object} />
}

function OfApp({ app }: { app: App }) {
  const { place, go } = usePlace()
  const graph = useQuery(graphQuery(place, [], 'calm'))
  const choices = (graph.data?.nodes ?? []).filter((n) => logged.has(n.kind) && !n.folded)
  const blamed = app.blocking && logged.has(app.blocking.object.kind) ? formatID(app.blocking.object) : undefined
  const about = place.search.about ?? first(choices, blamed)
  if (graph.error) return <Problem what="Reading the objects" problem={problemOf(graph.error)} />
  if (graph.data === undefined) return <Skeleton rows={10} height={18} />
  if (about === undefined) return <EmptyState title="Nothing here has a log" icon="list"><p>No object of this App runs containers.</p></EmptyState>
  const chooser = (
    <label className="row">
      <span className="sr">Whose log</span>
      <select className={parts.select} value={about} onChange={(e) => go({ search: { about: e.target.value, container: undefined } })}>
        {!choices.some((n) => n.id === about) && <option value={about}>{plain(shortID(about))}</option>}
        {choices.map((n) => <option key={n.id} value={n.id}>{plain(`${n.parent ? '\u00a0\u00a0' : ''}${n.kind} ${n.name}${isCalm(n) ? '' : ` – ${n.health}`}`)}</option>)}
      </select>
    </label>
  )
  return <OfObject key={about} object={about} chooser={chooser} />
}

/** The worst Pod, else what is to blame, else the first one that runs something. */
function first(choices: readonly Node[], blamed: string | undefined): string | undefined {
  return choices.find((n) => n.kind === 'Pod' && !isCalm(n))?.id ?? blamed ?? choices[0]?.id
}

function OfObject({ object, chooser }: { object: string; chooser?: React.ReactNode }) {
  const { place, go } = usePlace()
  const containers = useQuery(containersQuery(place, object))
  const list = containers.data?.items ?? []
  const names = [...new Set(list.map((c) => c.name))]
  const container = place.search.container ?? preferred(list)
  if (containers.error) return <div className={parts.stack}>{chooser}<Problem what="Listing the containers" problem={problemOf(containers.error)} /></div>
  if (containers.data === undefined) return <Skeleton rows={10} height={18} />
  if (list.length === 0) return <div className={parts.stack}>{chooser}<EmptyState title="No container runs" icon="list"><p>There is no Pod of this object now. Its events say why.</p></EmptyState></div>
  const picker = (
    <label className="row">
      <span className="sr">Container</span>
      <select className={parts.select} value={container} onChange={(e) => go({ search: { container: e.target.value } }, 'replace')}>
        {names.map((n) => {
          const of = list.filter((c) => c.name === n)
          const restarts = of.reduce((s, c) => s + (c.restarts ?? 0), 0)
          const state = [...new Set(of.map((c) => c.reason || c.state))].join(', ')
          return <option key={n} value={n}>{plain(`${n}${of[0]?.init ? ' (init)' : ''} – ${state}${restarts > 0 ? `, ${counted(restarts, 'restart')}` : ''}`)}</option>
        })}
      </select>
    </label>
  )
  const restarted = list.some((c) => c.name === container && (c.restarts ?? 0) > 0)
  return <Reader app={place} object={object} container={container} restarted={restarted}>{chooser}{picker}</Reader>
}

function preferred(list: readonly Container[]): string {
  const bad = list.find((c) => !c.init && c.state !== 'Running' && c.reason !== 'Completed')
  return (bad ?? list.find((c) => !c.init) ?? list[0])?.name ?? ''
}

interface ReaderProps {
  app: Key
  object: string
  container: string
  restarted: boolean
  children: React.ReactNode
}

function Reader({ app, object, container, restarted, children }: ReaderProps) {
  const { place, go } = usePlace()
  const previous = place.search.previous === 'true'
  const query = place.search.q ?? ''
  const only = place.search.only === 'true'
  const wrap = place.search.wrap === 'true'
  const stamps = place.search.stamps === 'true'
  const [follow, setFollow] = useState(true)
  const [target, setTarget] = useState<{ seq: number }>()
  const [again, setAgain] = useState(0)
  const log = useLog(app, object, container, previous, again)
  const box = useRef<HTMLDivElement>(null)
  const height = useFill(box, 52)
  const ring = log.ring
  ring.search(query)
  const several = severalPods(ring)

  const jump = (by: 1 | -1) => {
    const at = target === undefined ? ring.hitCount : ring.hitAt(target.seq)
    const next = ring.hit((at + by + ring.hitCount) % Math.max(1, ring.hitCount))
    if (next === undefined) return
    setFollow(false)
    setTarget({ seq: next })
  }
  const set = (key: string, on: boolean) => go({ search: { [key]: on ? 'true' : undefined } }, 'replace')
  const toggle = (key: string, on: boolean, label: string, icon?: string) => (
    <Button small className={css.toggle} aria-pressed={on} onClick={() => set(key, !on)}>{icon && <Icon name={icon} size={14} />}{label}</Button>
  )
  return (
    <div className={parts.stack}>
      <div className={css.bar}>
        {children}
        <label className={css.find}>
          <Icon name="search" size={14} />
          <span className="sr">Find in the log; a capital letter asks for exact case</span>
          <input id="find-log" type="search" placeholder="Find" value={query} autoComplete="off" spellCheck={false} onChange={(e) => go({ search: { q: e.target.value } }, 'replace')}
            onKeyDown={(e) => {
              if (e.key === 'Enter') jump(e.shiftKey ? -1 : 1)
            }} />
          {query && <span className={css.hits} role="status">{ring.hitCount.toLocaleString('en')}</span>}
          {query && <IconButton small label="Line before (Shift+Enter)" onClick={() => jump(-1)}><Icon name="up" size={14} /></IconButton>}
          {query && <IconButton small label="Next line (Enter)" onClick={() => jump(1)}><Icon name="down" size={14} /></IconButton>}
        </label>
        {query && toggle('only', only, 'Only these')}
        {toggle('wrap', wrap, 'Wrap', 'wrap')}
        {toggle('stamps', stamps, 'Times', 'clock')}
        {(restarted || previous) && toggle('previous', previous, 'Before the restart', 'back')}
        <Button small onClick={() => setFollow(!follow)} aria-pressed={follow} className={css.toggle}><Icon name={follow ? 'pause' : 'play'} size={13} />{follow ? 'Pause' : 'Follow'}</Button>
        <Button small onClick={() => save(ring, `${container || 'log'}.log`)}><Icon name="download" size={14} />Download</Button>
      </div>
      <div ref={box}>
        <LogView ring={ring} version={log.version} follow={follow} onFollow={setFollow} query={query} only={only} wrap={wrap} stamps={stamps} pods={several} target={target} height={height} />
      </div>
      <Foot log={log} follow={follow} onFollow={() => setFollow(true)} onAgain={() => setAgain(again + 1)} />
    </div>
  )
}

function severalPods(ring: LogRing): boolean {
  const newest = ring.at(ring.end - 1)
  for (let s = Math.max(ring.first, ring.end - 200); s < ring.end; s++) if (ring.at(s)?.pod !== newest?.pod) return true
  return false
}

function Foot({ log, follow, onFollow, onAgain }: { log: Log; follow: boolean; onFollow: () => void; onAgain: () => void }) {
  const s = log.status
  const words = {
    connecting: 'Opening the log', open: follow ? 'Following' : 'Paused: new lines are kept', ended: s.kind === 'ended' ? s.message || 'The container ended' : '', failed: s.kind === 'failed' ? s.problem.message : '',
  }[s.kind]
  return (
    <div className={css.foot}>
      <span role="status"><span className={css.dot} data-kind={s.kind} />{plain(words)}{s.kind === 'failed' && s.problem.next ? ` – ${plain(s.problem.next)}` : ''}</span>
      <span className="row">
        {log.dropped > 0 && <span title="This reader was too slow for the log: the server left lines out">{counted(log.dropped, 'line')} left out</span>}
        <span>{counted(log.ring.size, 'line')}{log.ring.first > 0 && `, older ones are gone`}</span>
        {!follow && <Button small onClick={onFollow}>To the end</Button>}
        {(s.kind === 'failed' || s.kind === 'ended') && <Button small onClick={onAgain}>Read again</Button>}
      </span>
    </div>
  )
}

interface Log {
  ring: LogRing
  version: number
  status: LogStatus
  dropped: number
}

/** Reads a log into a ring; React hears of it at most every 80 ms. */
function useLog(app: Key, object: string, container: string, previous: boolean, again: number): Log {
  // A new log is a new ring.
  // eslint-disable-next-line react-hooks/exhaustive-deps
  const ring = useMemo(() => new LogRing(kept), [app.namespace, app.name, object, container, previous, again])
  const [state, setState] = useState<Omit<Log, 'ring'>>({ version: 0, status: { kind: 'connecting' }, dropped: 0 })
  const path = logsPath(app)
  useEffect(() => {
    const stop = new AbortController()
    let timer: ReturnType<typeof setTimeout> | undefined
    const soon = () => {
      timer ??= setTimeout(() => {
        timer = undefined
        setState((s) => ({ ...s, version: s.version + 1 }))
      }, 80)
    }
    void readLog(path, { object, container, tail: '2000', follow: previous ? undefined : 'true', previous: previous ? 'true' : undefined }, {
      lines: (l) => {
        ring.push(l)
        soon()
      },
      dropped: (n) => setState((s) => ({ ...s, dropped: s.dropped + n })),
      status: (status) => setState((s) => ({ ...s, status })),
    }, stop.signal)
    return () => {
      stop.abort()
      clearTimeout(timer)
    }
  }, [path, object, container, previous, ring])
  return { ring, ...state }
}

function save(ring: LogRing, name: string): void {
  const url = URL.createObjectURL(new Blob([ring.text((l) => `${l.at ? `${l.at} ` : ''}${bare(l.text)}`)], { type: 'text/plain' }))
  const a = document.createElement('a')
  a.href = url
  a.download = name
  a.click()
  setTimeout(() => URL.revokeObjectURL(url), 10_000)
}

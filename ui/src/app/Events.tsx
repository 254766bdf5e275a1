import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { problemOf } from '../api/client'
import { Ago, EmptyState, Icon, Problem, Skeleton, T, plain } from '../components'
import css from './events.module.css'
import parts from './parts.module.css'
import { eventsQuery } from './queries'
import type { KubeEvent } from './types'
import { usePlace } from './url'
import { counted, shortID, spaced } from './words'
import { Choice } from './Choice'

/** Events are what the cluster says of the App's objects, or of one of them; newest first. */
export default function Events({ object }: { object: string }) {
  const { place, go } = usePlace()
  const q = useQuery(eventsQuery(place, object))
  const [find, setFind] = useState('')
  const warnings = place.search.type === 'warning'
  if (q.error && !q.data) return <Problem what="Reading the events" problem={problemOf(q.error)} />
  if (!q.data) return <Skeleton rows={8} height={36} />
  const all = q.data.items
  const word = find.toLowerCase()
  const shown = all.filter((e) => (!warnings || e.type !== 'Normal') && (word === '' || [e.reason, e.message, e.object].some((t) => t.toLowerCase().includes(word))))
  if (all.length === 0) return <EmptyState title="No events" icon="bell"><p>The cluster keeps events for an hour or so. Nothing was said about {object === '' ? 'these objects' : 'this object'} since.</p></EmptyState>
  return (
    <div className={parts.stack}>
      <div className={css.bar}>
        <Choice label="Which events" value={warnings ? 'warning' : 'all'} options={[['all', `All ${all.length}`], ['warning', `Warnings ${all.filter((e) => e.type !== 'Normal').length}`]]} onChange={(v) => go({ search: { type: v === 'all' ? undefined : v } }, 'replace')} />
        <label className={css.find}><Icon name="search" size={14} /><span className="sr">Find an event</span><input type="search" placeholder="Find" value={find} onChange={(e) => setFind(e.target.value)} /></label>
        <span className="muted" role="status">{counted(shown.length, 'event')}</span>
      </div>
      <ul className={css.list}>
        {shown.map((e, i) => <Row key={i} e={e} named={object === ''} onOpen={() => go({ object: e.object, objectTab: 'events' })} />)}
      </ul>
    </div>
  )
}

function Row({ e, named, onOpen }: { e: KubeEvent; named: boolean; onOpen: () => void }) {
  const bad = e.type !== 'Normal'
  return (
    <li className={css.row} data-bad={bad || undefined}>
      <span className={css.icon}><Icon name={bad ? 'alert' : 'info'} size={15} /><span className="sr">{e.type}</span></span>
      <div className={css.words}>
        <p><strong title={plain(e.reason)}><T>{spaced(e.reason)}</T></strong> <T>{e.message}</T></p>
        <p className={css.meta}>
          {named && <button type="button" className={css.object} onClick={onOpen}><T>{shortID(e.object)}</T></button>}
          {e.source && <span><T>{e.source}</T></span>}
          {e.count !== undefined && e.count > 1 && <span>{e.count} times</span>}
        </p>
      </div>
      <span className="muted"><Ago at={e.at} /></span>
    </li>
  )
}

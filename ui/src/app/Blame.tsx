import { useQuery } from '@tanstack/react-query'
import { useDeferredValue, useState } from 'react'
import { problemOf } from '../api/client'
import { Banner, CommitRef, CopyButton, EmptyState, Icon, Problem, Skeleton, T, plain } from '../components'
import css from './blame.module.css'
import { NotOurs } from './NotOurs'
import { valueText } from './diffgroups'
import events from './events.module.css'
import parts from './parts.module.css'
import { blameQuery } from './queries'
import type { BlameLine } from './types'
import { usePlace } from './url'
import { counted } from './words'

/** Blame says of each field which file and line set it, and which commit changed it last. */
export default function Blame({ object }: { object: string }) {
  const { place } = usePlace()
  const q = useQuery(blameQuery(place, object, place.search.field ?? ''))
  const [find, setFind] = useState('')
  const word = useDeferredValue(find.toLowerCase())
  const [most, setMost] = useState(150)
  if (q.error && problemOf(q.error).reason === 'NotOwned') return <NotOurs />
  if (q.error) return <Problem what="Asking who set the fields" problem={problemOf(q.error)} />
  if (!q.data) return <Skeleton rows={8} height={44} label="Reading the history of each field" />
  const all = q.data.fields
  const shown = word === '' ? all : all.filter((f) => [f.path, f.file ?? '', f.commit?.subject ?? '', f.commit?.author ?? ''].some((t) => t.toLowerCase().includes(word)))
  if (all.length === 0) return <EmptyState title="No field comes from Git" icon="file"><p>This object is not made of a file: a controller made it.</p></EmptyState>
  return (
    <div className={parts.stack}>
      <div className={events.bar}>
        <label className={events.find}><Icon name="search" size={14} /><span className="sr">Find a field, a file or a person</span><input type="search" placeholder="Field, file, person" value={find} onChange={(e) => setFind(e.target.value)} /></label>
        <span className="muted" role="status">{counted(shown.length, 'field')}</span>
      </div>
      {!q.data.complete && <Banner tone="info" icon="info">Not every field is explained: <T>{q.data.stopped ?? 'the search stopped'}</T> ({counted(q.data.searched, 'commit')} looked at).</Banner>}
      <ul className={css.list}>{shown.slice(0, most).map((f) => <Row key={f.path} f={f} />)}</ul>
      {shown.length > most && <button type="button" className={css.more} onClick={() => setMost(most + 300)}>Show more</button>}
    </div>
  )
}

function Row({ f }: { f: BlameLine }) {
  return (
    <li className={css.row}>
      <p className={css.path}><code><T>{f.path}</T></code><span className={css.value} title={plain(valueText(f.value))}><T>{valueText(f.value)}</T></span></p>
      <p className={css.origin}>
        {f.file ? <><span className="mono"><T>{f.file}</T></span><CopyButton text={f.file} label={`Copy the place ${plain(f.file)}`} /></> : <span className="muted">no file</span>}
        {f.by && <span className="muted"><T>{f.by}</T></span>}
        {!f.exact && <span className={css.guess} title={plain(f.note)}>best guess{f.note ? ': ' : ''}<T>{f.note}</T></span>}
      </p>
      {f.commit && <CommitRef commit={f.commit} />}
    </li>
  )
}

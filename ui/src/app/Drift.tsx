import { useInfiniteQuery } from '@tanstack/react-query'
import { problemOf } from '../api/client'
import { Ago, Button, EmptyState, Problem, Skeleton, StateWord, T, exact, span } from '../components'
import { valueText } from './diffgroups'
import css from './drift.module.css'
import parts from './parts.module.css'
import { type App, driftQuery } from './queries'
import type { Change } from './types'
import { usePlace } from './url'
import { counted, shortID } from './words'

const kinds: Record<string, { word: string; state: string }> = {
  drift: { word: 'Changed', state: 'Drifted' }, healed: { word: 'Undone', state: 'Healthy' }, fight: { word: 'Left to another', state: 'Paused' },
}

/** Drift is what others changed on what we own, who, and what was done about it. */
export default function Drift({ app }: { app: App }) {
  const { place, go } = usePlace()
  const q = useInfiniteQuery(driftQuery(place))
  if (q.error && !q.data) return <Problem what="Reading the drift" problem={problemOf(q.error)} />
  if (!q.data) return <Skeleton rows={6} height={52} />
  const list = q.data.pages.flatMap((p) => p.items)
  return (
    <div className={parts.stack}>
      {app.counts.drifted > 0 && (
        <p className={css.now}>
          <StateWord state="Drifted" /> {counted(app.counts.drifted, 'object')} {app.counts.drifted === 1 ? 'differs' : 'differ'} from Git now.
          <Button small onClick={() => go({ tab: 'diff', search: { left: 'applied', right: 'live' } })}>Show what differs</Button>
        </p>
      )}
      {list.length === 0 && <EmptyState title="No drift" icon="check" tone="good"><p>{counted(app.counts.total, 'object')} watched. Nobody changed what Git owns, as far as the history goes.</p></EmptyState>}
      {list.length > 0 && (
        <>
          <ul className={css.list}>{list.map((c) => <Row key={c.seq} c={c} onOpen={() => c.object && go({ object: c.object, objectTab: 'diff' })} />)}</ul>
          <p className="muted">Who: the field manager that the API server recorded. It names a tool, not a person.</p>
        </>
      )}
      {q.hasNextPage && <Button busy={q.isFetchingNextPage} onClick={() => void q.fetchNextPage()}>Show older ones</Button>}
    </div>
  )
}

function Row({ c, onOpen }: { c: Change; onOpen: () => void }) {
  const kind = kinds[c.kind.toLowerCase()] ?? { word: c.kind, state: 'Unknown' }
  return (
    <li className={css.row} data-state={kind.state}>
      <span className={css.kind}>{kind.word}</span>
      <div className={css.words}>
        <p>
          {c.object && <button type="button" className={css.object} onClick={onOpen}><T>{shortID(c.object)}</T></button>}
          {(c.manager || c.actor) && <span className="muted"> by <T>{c.actor || c.manager}</T></span>}
          {c.repeats !== undefined && c.repeats > 1 && <strong title={exact(c.first)}> {c.repeats} times{c.first && ` in ${span((Date.parse(c.at) - Date.parse(c.first)) / 1000)}`}</strong>}
        </p>
        {c.message && !c.fields?.length && <p className={css.message}><T>{c.message}</T></p>}
        {c.fields?.slice(0, 6).map((f) => (
          <p key={f.path} className={css.field}>
            <code><T>{f.path}</T></code>
            <span className={css.values}><span className={css.was}><T>{valueText(f.left) ?? 'not there'}</T></span> → <span><T>{valueText(f.right) ?? 'gone'}</T></span></span>
          </p>
        ))}
        {c.fields !== undefined && c.fields.length > 6 && <p className="muted">and {c.fields.length - 6} more fields</p>}
      </div>
      <span className="muted"><Ago at={c.at} suffix=" ago" /></span>
    </li>
  )
}

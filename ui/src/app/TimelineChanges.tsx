import { Ago, Icon, StateGlyph, T, exact, span } from '../components'
import { valueText } from './diffgroups'
import { driftWords, pauseWord } from './timeline'
import css from './timeline.module.css'
import type { Change } from './types'
import { shortID } from './words'

const states: Record<string, string> = { drift: 'Drifted', healed: 'Synced', fight: 'Paused' }
const words: Record<string, string> = { drift: 'Changed by others', healed: 'Changed and undone', fight: 'Left to another' }

/** DriftRow is drift between two deployments: one object, or several in a row under one heading. */
export function DriftRow({ list, onOpen }: { list: readonly Change[]; onOpen: (object: string) => void }) {
  const one = list.length === 1 ? list[0]! : undefined
  const open = list.some((c) => c.kind === 'drift')
  return (
    <li className={css.row} data-kind="drift" data-state={one ? (states[one.kind] ?? 'Drifted') : open ? 'Drifted' : 'Synced'}>
      <span className={css.dot}><StateGlyph state="Drifted" size={18} /></span>
      <section className={css.note} aria-label="Drift">
        {one ? <><b className={css.outcome}>{words[one.kind] ?? one.kind}</b> <DriftLine c={one} onOpen={onOpen} /></> : (
          <details className={css.many} open={list.length <= 3}>
            <summary><b className={css.outcome}>Drift</b> {driftWords(list)} <span className="muted"><Ago at={list[0]!.at} suffix=" ago" /></span></summary>
            <ul>{list.map((c) => <li key={c.seq}>{words[c.kind] ?? c.kind}: <DriftLine c={c} onOpen={onOpen} /></li>)}</ul>
          </details>
        )}
      </section>
    </li>
  )
}

function DriftLine({ c, onOpen }: { c: Change; onOpen: (object: string) => void }) {
  const f = c.fields?.[0]
  const more = (c.fields?.length ?? 0) - 1
  return (
    <>
      {c.object && <button type="button" className={css.object} onClick={() => onOpen(c.object!)}><T>{shortID(c.object)}</T></button>} 
      {f && <code className={css.field}><T>{`${f.path}: ${valueText(f.left) ?? 'not there'} → ${valueText(f.right) ?? 'gone'}`.slice(0, 200)}</T> </code>}
      {more > 0 && <span className="muted">and {more} more </span>}
      {!f && c.message && <span className="muted"><T>{c.message}</T></span>}
      {c.manager && <span className="muted" title="the field manager: a tool, not a person">by <T>{c.manager}</T> </span>}
      {c.repeats !== undefined && c.repeats > 1 && <b title={exact(c.first)}>{c.repeats} times </b>}
      <span className="muted" title={exact(c.at)}><Ago at={c.at} suffix=" ago" /></span>
    </>
  )
}

/** PauseRow is a person's wish that Git is not followed for a while, or is again. */
export function PauseRow({ c, lasted }: { c: Change; lasted: number | undefined }) {
  const state = c.outcome === 'resume' ? 'Synced' : 'Paused'
  return (
    <li className={css.row} data-kind="pause" data-state={state}>
      <span className={css.dot}>{c.outcome === 'resume' ? <Icon name="sync" size={16} /> : <StateGlyph state="Paused" size={18} />}</span>
      <section className={css.note} aria-label={pauseWord(c)}>
        <b className={css.outcome}>{pauseWord(c)} </b>
        {c.actor && <span>by <T>{c.actor}</T> </span>}
        {lasted !== undefined && <span>for {span(lasted)} </span>}
        {c.message && <span><T>{c.message}</T> </span>}
        <span className="muted" title={exact(c.at)}><Ago at={c.at} suffix=" ago" /></span>
      </section>
    </li>
  )
}

import { memo } from 'react'
import { Icon, StateGlyph, plain } from '../components'
import { activate, type Shown } from './forest'
import css from './graph.module.css'
import { KindIcon } from './kinds'
import { metrics as m } from './layout'
import type { Node } from './types'
import { factOf, isCalm, nameOf, objectOf, stateOf, titleOf } from './words'

interface NodeBoxProps {
  s: Shown
  x: number
  y: number
  level: number
  position: number
  setSize: number
  tab: boolean
  selected: boolean
  pulse: boolean
  onOpen: (n: Node) => void
  onToggle: (id: string, open: boolean) => void
  onFocus: (id: string) => void
}

/** NodeBox is one object in the drawing. */
export const NodeBox = memo(function NodeBox({ s, x, y, level, position, setSize, tab, selected, pulse, onOpen, onToggle, onFocus }: NodeBoxProps) {
  const n = s.node
  const state = stateOf(n)
  const calm = isCalm(n)
  return (
    // The keys are those of the tree around it.
    <div
      className={pulse ? `${css.node} ${css.pulse}` : css.node}
      style={{ transform: `translate(${x}px, ${y}px)`, width: m.width, height: m.height }}
      role="treeitem" aria-level={level} aria-posinset={position} aria-setsize={setSize} aria-selected={selected}
      aria-expanded={s.branch ? s.open : undefined} tabIndex={tab ? 0 : -1}
      data-id={n.id} data-object={objectOf(n)} data-role={n.role} data-state={state} data-trouble={calm ? undefined : true} data-fold={n.folded ? true : undefined} data-branch={s.branch || undefined} data-faint={(!n.ours && calm && !n.folded) || n.role === 'outside' ? true : undefined}
      title={plain([n.role === 'group' ? n.name : `${n.kind} ${n.name}`, n.role === 'outside' ? factOf(n) : state, n.message].filter(Boolean).join('\n'))}
      onClick={() => activate(s, onOpen, onToggle)} onFocus={() => onFocus(n.id)}
    >
      <span className="sr">{plain(nameOf(n, position, setSize))}</span>
      <span className={css.tile} aria-hidden="true"><KindIcon kind={n.kind} /></span>
      <span className={css.words} aria-hidden="true">
        <Name text={titleOf(n)} />
        <span className={css.fact}>
          {n.folded ? <b>{plain(factOf(n))}</b> : <>{plain(n.kind)}{n.hook ? ' · hook' : ''}{factOf(n) !== '' && <> · <b>{plain(factOf(n))}</b></>}</>}
        </span>
      </span>
      {n.role === 'outside' && n.health === '' ? <Icon name="external" size={14} /> : <StateGlyph state={state} />}
      {s.branch && (
        // For the mouse; the keys Left and Right do the same.
        <span className={css.toggle} aria-hidden="true" onClick={(e) => {
          e.stopPropagation()
          onToggle(n.id, !s.open)
        }}>
          {s.open ? <Icon name="left" size={12} /> : s.hidden > 0 ? `+${s.hidden}` : <Icon name="right" size={12} />}
        </span>
      )}
    </div>
  )
})

/** Name cuts a long name in its middle: the end tells Pods apart. */
export function Name({ text }: { text: string }) {
  const t = plain(text)
  const cut = t.length > 24 ? t.length - 8 : t.length
  return (
    <bdi className={css.name}>
      <span>{t.slice(0, cut)}</span>
      <span>{t.slice(cut)}</span>
    </bdi>
  )
}

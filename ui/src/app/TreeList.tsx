import { useEffect, useMemo, useRef, useState } from 'react'
import { Ago, Icon, StateWord, T, VirtualList, plain } from '../components'
import { activate, type Shown, treeKey, type TreeRow } from './forest'
import type { TreeProps } from './Graph'
import { KindIcon } from './kinds'
import { useMedia } from './Drawer'
import css from './treelist.module.css'
import { factOf, isCalm, nameOf, objectOf, stateOf, titleOf } from './words'

/** TreeList is the same forest as the graph, as rows: a treegrid. */
export function TreeList({ shown, label, selected, onOpen, onToggle }: TreeProps) {
  const rows = useMemo(() => rowsOf(shown), [shown])
  const [active, setActive] = useState('')
  const root = useRef<HTMLDivElement>(null)
  const wanted = useRef(false)
  const index = (id: string) => rows.findIndex((r) => r.id === id)
  const at = Math.max(0, active === '' ? index(selected) : index(active))

  useEffect(() => {
    if (!wanted.current) return
    const el = root.current?.querySelector<HTMLElement>('[role="row"][tabindex="0"]')
    if (el) {
      wanted.current = false
      el.focus({ preventScroll: true })
      el.scrollIntoView({ block: 'nearest' })
    }
  })

  const narrow = !useMedia('(min-width: 641px)')
  const onKey = (e: React.KeyboardEvent) => {
    if (e.ctrlKey || e.metaKey || e.altKey) return
    const move = treeKey(rows, at, e.key)
    if (move === undefined) return
    e.preventDefault()
    e.stopPropagation()
    if ('go' in move) {
      wanted.current = true
      setActive(move.go)
    } else if ('toggle' in move) onToggle(move.toggle, !rows[at]!.open)
    else activate(shown[at]!, onOpen, onToggle)
  }

  return (
    <div ref={root} className={css.grid} role="treegrid" aria-label={label} aria-rowcount={rows.length + 1} onKeyDown={onKey} data-testid="treelist">
      <div role="row" aria-rowindex={1} className={`${css.row} ${css.head}`}>
        <span role="columnheader">Object</span>
        <span role="columnheader">State</span>
        <span role="columnheader" className={css.wide}>What</span>
        <span role="columnheader" className={css.wide}>File</span>
        <span role="columnheader" className={css.age}>Age</span>
      </div>
      <VirtualList
        role="none" count={rows.length} rowHeight={narrow ? 50 : 40} keyOf={(i) => rows[i]!.id} active={active === '' ? undefined : at}
        render={(i) => <Row s={shown[i]!} row={rows[i]!} index={i} tab={i === at} selected={shown[i]!.id === selected} onOpen={onOpen} onToggle={onToggle} onFocus={setActive} />}
      />
    </div>
  )
}

interface FlatRow extends TreeRow {
  readonly position: number
  readonly setSize: number
}

function rowsOf(shown: readonly Shown[]): FlatRow[] {
  const level = new Map<string, number>()
  const sizes = new Map<string, number>()
  const key = (s: Shown) => (s.parent !== undefined && level.has(s.parent) ? s.parent : '')
  const keys = shown.map((s) => {
    const k = key(s)
    level.set(s.id, (level.get(k) ?? 0) + 1)
    sizes.set(k, (sizes.get(k) ?? 0) + 1)
    return k
  })
  const seen = new Map<string, number>()
  return shown.map((s, i) => {
    const k = keys[i]!
    const position = (seen.get(k) ?? 0) + 1
    seen.set(k, position)
    return { id: s.id, level: level.get(s.id)!, branch: s.branch, open: s.open, name: s.node.name, position, setSize: sizes.get(k)! }
  })
}

interface RowProps {
  s: Shown
  row: FlatRow
  index: number
  tab: boolean
  selected: boolean
  onOpen: TreeProps['onOpen']
  onToggle: TreeProps['onToggle']
  onFocus: (id: string) => void
}

function Row({ s, row, index, tab, selected, onOpen, onToggle, onFocus }: RowProps) {
  const n = s.node
  return (
    // The keys are those of the treegrid around it.
    <div
      className={css.row} role="row" data-id={n.id} data-object={objectOf(n)} aria-level={row.level} aria-posinset={row.position} aria-setsize={row.setSize} aria-rowindex={index + 2}
      aria-expanded={s.branch ? s.open : undefined} aria-selected={selected} aria-label={plain(nameOf(n, row.position, row.setSize))} tabIndex={tab ? 0 : -1}
      data-state={stateOf(n)} data-trouble={isCalm(n) ? undefined : true} onClick={() => activate(s, onOpen, onToggle)} onFocus={() => onFocus(n.id)}
    >
      <span role="gridcell" className={css.object} style={{ paddingLeft: Math.min(row.level - 1, 6) * 22 }}>
        {/* For the mouse; the keys Left and Right do the same. */}
        <span className={css.twist} aria-hidden="true" onClick={(e) => {
          if (!s.branch) return
          e.stopPropagation()
          onToggle(n.id, !s.open)
        }}>
          {s.branch && <Icon name={s.open ? 'down' : 'right'} size={14} />}
        </span>
        <span className={css.icon}><KindIcon kind={n.kind} /></span>
        <span className={css.names}>
          <Name text={titleOf(n)} />
          <span className={css.kind}><T>{n.kind}</T>{n.hook ? ' · hook' : ''}{s.hidden > 0 && !n.folded ? ` · ${s.hidden} inside` : ''}</span>
        </span>
      </span>
      <span role="gridcell">{n.role === 'outside' && n.health === '' ? <span className="muted">not known</span> : <StateWord state={stateOf(n)} />}</span>
      <span role="gridcell" className={`cut ${css.wide}`} title={plain(n.message)}><T>{isCalm(n) ? factOf(n) : n.message || factOf(n)}</T></span>
      <span role="gridcell" className={`mono muted ${css.file} ${css.wide}`} title={plain(n.file)}><FileName file={n.file ?? ''} /></span>
      <span role="gridcell" className={`muted ${css.age}`}><Ago at={n.created} /></span>
    </div>
  )
}

/** Name is cut in its middle where it is long: the Pods of one ReplicaSet differ at their ends. */
function Name({ text }: { text: string }) {
  const cut = text.length > 16 ? text.length - 6 : text.length
  return <span className={css.file}><span className="cut"><T>{text.slice(0, cut)}</T></span><span><T>{text.slice(cut)}</T></span></span>
}

/** FileName is cut in its middle: the line at its end stays. */
function FileName({ file }: { file: string }) {
  const cut = Math.max(0, file.length - 14)
  return <><span className="cut"><T>{file.slice(0, cut)}</T></span><span><T>{file.slice(cut)}</T></span></>
}

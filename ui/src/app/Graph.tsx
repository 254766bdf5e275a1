import { memo, useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from 'react'
import { Icon, IconButton, StateGlyph, plain } from '../components'
import { changed, type Shown, signature, treeKey, type TreeRow, typeahead } from './forest'
import css from './graph.module.css'
import { KindIcon } from './kinds'
import { type Area, type Box, edge, layout, lines, metrics as m, visible } from './layout'
import { Minimap } from './Minimap'
import type { Node } from './types'
import { usePanZoom } from './panzoom'
import { contains, fit, fits, reveal, seen, type View } from './view'
import { factOf, isCalm, nameOf, stateOf, titleOf } from './words'

export interface TreeProps {
  /** What is shown, parents before children. */
  shown: readonly Shown[]
  label: string
  selected: string
  onOpen: (node: Node) => void
  onToggle: (id: string, open: boolean) => void
}

/** How many px around the frame are drawn ahead of a movement. */
const ahead = 320

/**
 * Graph draws the objects as a forest from left to right: absolute boxes and one path of lines, only what is in sight. It
 * is a tree to a screen reader and to the keyboard. The drawing moves without React; React draws when it moved far.
 */
export function Graph({ shown, label, selected, onOpen, onToggle }: TreeProps) {
  const frame = useRef<HTMLDivElement>(null)
  const [size, setSize] = useState({ width: 1000, height: 600 })
  const drawing = useMemo(() => layout(shown, size.width - 48), [shown, size.width])
  const rows = useMemo(() => rowsOf(shown, drawing.boxes), [shown, drawing])
  const [active, setActive] = useState('')
  const focusWanted = useRef(false)
  const [area, setArea] = useState<Area>({ left: -ahead, top: -ahead, right: 1600, bottom: 1200 })
  const still = fits(drawing, size, 1)

  const moved = useCallback((v: View, frameSize: { width: number; height: number }) => {
    setArea((have) => (contains(have, seen(v, frameSize)) && have.right - have.left < (frameSize.width + 3 * ahead) / v.zoom ? have : seen(v, frameSize, ahead)))
  }, [])
  const pan = usePanZoom(frame, drawing, moved, still)

  useLayoutEffect(() => {
    const el = frame.current
    if (el === null) return
    const measure = () => setSize({ width: el.clientWidth, height: el.clientHeight })
    measure()
    const watch = new ResizeObserver(measure)
    watch.observe(el)
    return () => watch.disconnect()
  }, [])
  // A drawing or frame of another size: what is seen is computed anew.
  useLayoutEffect(() => pan.settle(), [drawing, size, pan])

  const at = drawing.byId.get(active) ?? drawing.byId.get(selected) ?? (rows.length > 0 ? 0 : -1)
  const show = useCallback((id: string) => {
    const b = drawing.boxes[drawing.byId.get(id) ?? -1]
    if (b !== undefined) pan.set((v, s) => reveal(v, { left: b.x, top: b.y, right: b.x + m.width, bottom: b.y + m.height }, s))
  }, [drawing, pan])
  const go = useCallback((id: string) => {
    focusWanted.current = true
    setActive(id)
    show(id)
  }, [show])
  useEffect(() => {
    if (selected !== '') show(selected)
    // Only when another one is selected: a drawing that grows does not jump.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [selected])
  useEffect(() => {
    if (!focusWanted.current) return
    const el = frame.current?.querySelector<HTMLElement>('[role="treeitem"][tabindex="0"]')
    if (el) {
      focusWanted.current = false
      el.focus({ preventScroll: true })
    }
  }, [active, area])

  const typed = useRef({ text: '', at: 0 })
  const onKey = (e: React.KeyboardEvent) => {
    if (e.ctrlKey || e.metaKey || e.altKey) return
    if (e.key === '+' || e.key === '=' || e.key === '-' || e.key === '0') {
      e.preventDefault()
      if (e.key === '0') pan.set((_, s) => fit(drawing, s))
      else pan.zoom(e.key === '-' ? 1 / 1.2 : 1.2)
      return
    }
    const move = treeKey(rows, at, e.key)
    if (move !== undefined) {
      e.preventDefault()
      e.stopPropagation()
      if ('go' in move) go(move.go)
      else if ('toggle' in move) onToggle(move.toggle, !rows[at]!.open)
      else onOpen(shown[drawing.boxes[at]!.index]!.node)
      return
    }
    // Letters are the page's keys; with Shift they look for a name.
    if (e.shiftKey && /^[A-EG-Z]$/.test(e.key) && e.key !== 'D') {
      const now = e.timeStamp
      typed.current = { text: now - typed.current.at < 700 ? typed.current.text + e.key : e.key, at: now }
      const id = typeahead(rows, at, typed.current.text)
      if (id !== undefined) go(id)
    }
  }

  const pulsing = usePulse(shown)
  const drawn = useMemo(() => {
    const v = visible(drawing, area)
    if (at >= 0 && !v.includes(at)) v.push(at)
    return v.sort((a, b) => a - b)
  }, [drawing, area, at])
  const path = useMemo(() => lines(drawing, area), [drawing, area])
  const bad = useMemo(() => troubled(shown, drawing.boxes), [shown, drawing])
  const trouble = useMemo(() => drawn.filter((i) => bad[i] === 1).map((i) => edge(drawing, i)).join(''), [drawn, drawing, bad])

  return (
    <div ref={frame} className={css.frame} data-still={still || undefined} style={{ height: '100%' }} data-testid="graph">
      {/* The keys of a tree belong to its items; the focus is always on one of them. */}
      <div ref={pan.world} className={css.world} role="tree" aria-label={label} onKeyDown={onKey}>
        <svg className={css.lines} width="1" height="1" aria-hidden="true">
          <path d={path} />
          {trouble !== '' && <path className={css.trouble} d={trouble} />}
        </svg>
        {drawn.map((i) => {
          const box = drawing.boxes[i]!
          const s = shown[box.index]!
          return (
            <NodeBox
              key={s.id} s={s} x={box.x} y={box.y} level={box.level} position={box.position} setSize={box.setSize}
              tab={i === at} selected={s.id === selected} pulse={pulsing.has(s.id)} onOpen={onOpen} onToggle={onToggle} onFocus={setActive}
            />
          )
        })}
      </div>
      <div className={css.tools} role="group" aria-label="Zoom">
        <IconButton small label="Zoom out (-)" onClick={() => pan.zoom(1 / 1.25)}><Icon name="minus" size={14} /></IconButton>
        <span ref={pan.readout} className={css.zoom}>100%</span>
        <IconButton small label="Zoom in (+)" onClick={() => pan.zoom(1.25)}><Icon name="plus" size={14} /></IconButton>
        <IconButton small label="Fit the width (0)" onClick={() => pan.set((_, s) => fit(drawing, s))}><Icon name="expand" size={14} /></IconButton>
      </div>
      {drawing.boxes.length > 200 && <Minimap drawing={drawing} shown={shown} pan={pan} />}
    </div>
  )
}

/** Marks the boxes that lead to something that does not become well by waiting. */
function troubled(shown: readonly Shown[], boxes: readonly Box[]): Uint8Array {
  const out = new Uint8Array(boxes.length)
  for (let i = boxes.length - 1; i >= 0; i--) {
    const b = boxes[i]!
    if (['Degraded', 'Missing', 'Unknown', 'Failed'].includes(shown[b.index]!.node.health)) out[i] = 1
    if (out[i] === 1 && b.parent >= 0) out[b.parent] = 1
  }
  return out
}

function rowsOf(shown: readonly Shown[], boxes: readonly Box[]): TreeRow[] {
  return boxes.map((b) => {
    const s = shown[b.index]!
    return { id: s.id, level: b.level, branch: s.branch, open: s.open, name: s.node.name || s.node.kind }
  })
}

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

const NodeBox = memo(function NodeBox({ s, x, y, level, position, setSize, tab, selected, pulse, onOpen, onToggle, onFocus }: NodeBoxProps) {
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
      data-id={n.id} data-state={state} data-trouble={calm ? undefined : true} data-fold={n.folded ? true : undefined} data-branch={s.branch || undefined} data-faint={!n.ours && calm && !n.folded ? true : undefined}
      title={plain([`${n.kind} ${n.name}`, state, n.message].filter(Boolean).join('\n'))}
      onClick={() => onOpen(n)} onFocus={() => onFocus(n.id)}
    >
      <span className="sr">{plain(nameOf(n, position, setSize))}</span>
      <span className={css.tile} aria-hidden="true"><KindIcon kind={n.kind} /></span>
      <span className={css.words} aria-hidden="true">
        <Name text={titleOf(n)} />
        <span className={css.fact}>
          {n.folded ? <b>{plain(factOf(n))}</b> : <>{plain(n.kind)}{n.hook ? ' · hook' : ''}{factOf(n) !== '' && <> · <b>{plain(factOf(n))}</b></>}</>}
        </span>
      </span>
      <StateGlyph state={state} />
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

/** Which nodes changed just now. */
function usePulse(shown: readonly Shown[]): ReadonlySet<string> {
  const before = useRef<Map<string, string> | undefined>(undefined)
  const [pulsing, setPulsing] = useState<ReadonlySet<string>>(new Set())
  useEffect(() => {
    const nodes = shown.map((s) => s.node)
    const known = before.current
    const news = changed(known, nodes)
    // What a person just opened is not news.
    if (known !== undefined && nodes.length !== known.size) for (const n of nodes) if (!known.has(n.id) && nodes.length - known.size > 20) news.delete(n.id)
    before.current = new Map(nodes.map((n) => [n.id, signature(n)]))
    if (news.size === 0) return
    setPulsing(news)
    const timer = setTimeout(() => setPulsing(new Set()), 850)
    return () => clearTimeout(timer)
  }, [shown])
  return pulsing
}

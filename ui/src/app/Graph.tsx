import { useLayoutEffect, useMemo, useRef } from 'react'
import { Icon, IconButton } from '../components'
import { activate, type Shown, type TreeRow } from './forest'
import css from './graph.module.css'
import { useArea, useGraphKeys, usePulse, useSize, useStop } from './graphmoves'
import { NodeBox } from './GraphNode'
import { type Area, type Box, edge, type Layout, layout, lines, visible } from './layout'
import { Minimap } from './Minimap'
import { type PanZoom, usePanZoom } from './panzoom'
import type { Node } from './types'
import { fit, fits } from './view'

export interface TreeProps {
  /** What is shown, parents before children. */
  shown: readonly Shown[]
  label: string
  selected: string
  onOpen: (node: Node) => void
  onToggle: (id: string, open: boolean) => void
}

/**
 * Graph draws the objects as a forest from left to right: absolute boxes and one path of lines, only what is in sight. It
 * is a tree to a screen reader and to the keyboard. The drawing moves without React; React draws when it moved far.
 */
export function Graph({ shown, label, selected, onOpen, onToggle }: TreeProps) {
  const frame = useRef<HTMLDivElement>(null)
  const size = useSize(frame)
  const drawing = useMemo(() => layout(shown, size.width - 48), [shown, size.width])
  const rows = useMemo(() => rowsOf(shown, drawing.boxes), [shown, drawing])
  const [area, moved] = useArea()
  const still = fits(drawing, size, 1)
  const pan = usePanZoom(frame, drawing, moved, still)
  // A drawing or frame of another size: what is seen is computed anew.
  useLayoutEffect(() => pan.settle(), [drawing, size, pan])

  const stop = useStop(frame, drawing, area, selected, pan)
  const onEnter = (at: number) => activate(shown[drawing.boxes[at]!.index]!, onOpen, onToggle)
  const onKey = useGraphKeys({ rows, stop, drawing, pan, onEnter, onToggle })
  const pulsing = usePulse(shown)
  const drawn = useMemo(() => {
    const v = visible(drawing, area)
    if (stop.at >= 0 && !v.includes(stop.at)) v.push(stop.at)
    return v.sort((a, b) => a - b)
  }, [drawing, area, stop.at])

  return (
    <div ref={frame} className={css.frame} data-still={still || undefined} style={{ height: '100%' }} data-testid="graph">
      {/* The keys of a tree belong to its items; the focus is always on one of them. */}
      <div ref={pan.world} className={css.world} role="tree" aria-label={label} onKeyDown={onKey}>
        <Lines shown={shown} drawing={drawing} area={area} drawn={drawn} />
        {drawn.map((i) => {
          const box = drawing.boxes[i]!
          const s = shown[box.index]!
          return (
            <NodeBox
              key={s.id} s={s} x={box.x} y={box.y} level={box.level} position={box.position} setSize={box.setSize}
              tab={i === stop.at} selected={s.id === selected} pulse={pulsing.has(s.id)} onOpen={onOpen} onToggle={onToggle} onFocus={stop.setActive}
            />
          )
        })}
      </div>
      <ZoomTools pan={pan} drawing={drawing} />
      {drawing.boxes.length > 200 && <Minimap drawing={drawing} shown={shown} pan={pan} />}
    </div>
  )
}

/** Lines are all edges in sight as one path, and those that lead to trouble as another. */
function Lines({ shown, drawing, area, drawn }: { shown: readonly Shown[]; drawing: Layout; area: Area; drawn: readonly number[] }) {
  const path = useMemo(() => lines(drawing, area), [drawing, area])
  const bad = useMemo(() => troubled(shown, drawing.boxes), [shown, drawing])
  const trouble = useMemo(() => drawn.filter((i) => bad[i] === 1).map((i) => edge(drawing, i)).join(''), [drawn, drawing, bad])
  return (
    <svg className={css.lines} width="1" height="1" aria-hidden="true">
      <path d={path} />
      {trouble !== '' && <path className={css.trouble} d={trouble} />}
    </svg>
  )
}

function ZoomTools({ pan, drawing }: { pan: PanZoom; drawing: Layout }) {
  return (
    <div className={css.tools} role="group" aria-label="Zoom">
      <IconButton small label="Zoom out (-)" onClick={() => pan.zoom(1 / 1.25)}><Icon name="minus" size={14} /></IconButton>
      <span ref={pan.readout} className={css.zoom}>100%</span>
      <IconButton small label="Zoom in (+)" onClick={() => pan.zoom(1.25)}><Icon name="plus" size={14} /></IconButton>
      <IconButton small label="Fit the width (0)" onClick={() => pan.set((_, s) => fit(drawing, s))}><Icon name="expand" size={14} /></IconButton>
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

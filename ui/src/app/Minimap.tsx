import { useEffect, useRef } from 'react'
import type { Shown } from './forest'
import css from './graph.module.css'
import { type Layout, metrics as m } from './layout'
import type { PanZoom } from './panzoom'
import { stateOf } from './words'

const width = 150
const height = 190
const fills: Record<string, string> = {
  Healthy: '--fill-synced', Degraded: '--fill-degraded', Progressing: '--fill-deploying', Drifted: '--fill-drifted', Suspended: '--fill-paused',
  Missing: '--fill-waiting', Failed: '--fill-failed',
}

/** Minimap shows all of a large drawing, the problems above all, and where the frame is. It is for the mouse; the keys of the tree reach everything. */
export function Minimap({ drawing, shown, pan }: { drawing: Layout; shown: readonly Shown[]; pan: PanZoom }) {
  const canvas = useRef<HTMLCanvasElement>(null)
  const window_ = useRef<HTMLDivElement>(null)
  const scaleX = width / Math.max(1, drawing.width)
  const scaleY = Math.min(scaleX, height / Math.max(1, drawing.height))

  useEffect(() => {
    const draw = () => paint(canvas.current, drawing, shown, scaleX, scaleY)
    draw()
    const dark = matchMedia('(prefers-color-scheme: dark)')
    dark.addEventListener('change', draw)
    const theme = new MutationObserver(draw)
    theme.observe(document.documentElement, { attributes: true, attributeFilter: ['data-theme'] })
    return () => {
      dark.removeEventListener('change', draw)
      theme.disconnect()
    }
  }, [drawing, shown, scaleX, scaleY])

  useEffect(() => {
    const stop = pan.onMove((v, f) => {
      const el = window_.current
      if (el === null) return
      el.style.transform = `translate(${(-v.x / v.zoom) * scaleX}px, ${(-v.y / v.zoom) * scaleY}px)`
      el.style.width = `${Math.max(4, (f.width / v.zoom) * scaleX)}px`
      el.style.height = `${Math.max(4, (f.height / v.zoom) * scaleY)}px`
    })
    pan.settle()
    return stop
  }, [pan, scaleX, scaleY])

  const go = (e: React.PointerEvent) => {
    if (e.type === 'pointermove' && e.buttons !== 1) return
    const r = e.currentTarget.getBoundingClientRect()
    const x = (e.clientX - r.left) / scaleX
    const y = (e.clientY - r.top) / scaleY
    pan.set((v, f) => ({ ...v, x: f.width / 2 - x * v.zoom, y: f.height / 2 - y * v.zoom }))
  }
  return (
    <div className={css.minimap} aria-hidden="true" onPointerDown={go} onPointerMove={go}>
      <canvas ref={canvas} width={width * 2} height={Math.ceil(drawing.height * scaleY) * 2} style={{ width, height: Math.ceil(drawing.height * scaleY) }} />
      <div ref={window_} />
    </div>
  )
}

function paint(el: HTMLCanvasElement | null, drawing: Layout, shown: readonly Shown[], scaleX: number, scaleY: number): void {
  const g = el?.getContext('2d')
  if (el === null || !g) return
  const style = getComputedStyle(document.documentElement)
  g.setTransform(2, 0, 0, 2, 0, 0)
  g.clearRect(0, 0, width, height)
  // Problems last, and at least two px high: one in ten thousand is seen.
  for (const calm of [true, false]) {
    for (const b of drawing.boxes) {
      const state = stateOf(shown[b.index]!.node)
      if ((state === 'Healthy') !== calm) continue
      g.fillStyle = style.getPropertyValue(fills[state] ?? '--fill-unknown')
      g.globalAlpha = calm ? 0.55 : 1
      g.fillRect(b.x * scaleX, b.y * scaleY, Math.max(2, m.width * scaleX - 1), Math.max(calm ? 0.6 : 2.5, m.height * scaleY - 0.6))
    }
  }
}

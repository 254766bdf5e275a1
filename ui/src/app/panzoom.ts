import { type RefObject, useCallback, useEffect, useMemo, useRef } from 'react'
import { clamp, type Size, type View, zoomAt } from './view'

export interface PanZoom {
  /** Of the element that moves. */
  readonly world: RefObject<HTMLDivElement | null>
  /** Of the element that says the zoom. */
  readonly readout: RefObject<HTMLSpanElement | null>
  readonly set: (next: (v: View, frame: Size) => View) => void
  readonly zoom: (factor: number) => void
  /** Puts the view where it may be, after a change of sizes. */
  readonly settle: () => void
  /** Calls back whenever the view moved. */
  readonly onMove: (f: (v: View, frame: Size) => void) => () => void
}

/**
 * Moves and zooms a drawing in its frame by wheel (with Ctrl or pinch: zoom), by dragging, and by two fingers. The element
 * is moved directly, without React; `moved` is told, so that it can draw what came into sight. A drawing that is seen whole
 * leaves the wheel to the page.
 */
export function usePanZoom(frame: RefObject<HTMLDivElement | null>, drawing: Size, moved: (v: View, frame: Size) => void, still: boolean): PanZoom {
  const world = useRef<HTMLDivElement>(null)
  const readout = useRef<HTMLSpanElement>(null)
  const view = useRef<View>({ x: 24, y: 24, zoom: 1 })
  const size = useRef(drawing)
  const listeners = useRef(new Set<(v: View, frame: Size) => void>())
  const asleep = useRef(still)
  size.current = drawing
  asleep.current = still

  const set = useCallback((next: (v: View, f: Size) => View) => {
    const el = frame.current
    if (el === null) return
    const f = { width: el.clientWidth, height: el.clientHeight }
    const v = clamp(next(view.current, f), size.current, f)
    view.current = v
    if (world.current) world.current.style.transform = `translate(${v.x}px, ${v.y}px) scale(${v.zoom})`
    if (readout.current) readout.current.textContent = `${Math.round(v.zoom * 100)}%`
    moved(v, f)
    listeners.current.forEach((l) => l(v, f))
  }, [frame, moved])

  const zoom = useCallback((factor: number) => set((v, f) => zoomAt(v, factor, f.width / 2, Math.min(f.height / 2, 200))), [set])
  const settle = useCallback(() => set((v) => v), [set])
  const onMove = useCallback((f: (v: View, frame: Size) => void) => {
    listeners.current.add(f)
    return () => void listeners.current.delete(f)
  }, [])

  useEffect(() => {
    const el = frame.current
    if (el === null) return
    return listen(el, set, () => asleep.current)
  }, [frame, set])

  return useMemo(() => ({ world, readout, set, zoom, settle, onMove }), [set, zoom, settle, onMove])
}

type Set_ = (next: (v: View, f: Size) => View) => void

function listen(el: HTMLElement, set: Set_, asleep: () => boolean): () => void {
  const point = (e: { clientX: number; clientY: number }) => {
    const r = el.getBoundingClientRect()
    return { x: e.clientX - r.left, y: e.clientY - r.top }
  }
  const wheel = (e: WheelEvent) => {
    if (e.ctrlKey || e.metaKey) {
      e.preventDefault()
      const p = point(e)
      set((v) => zoomAt(v, Math.exp(-e.deltaY * (e.deltaMode === 1 ? 0.05 : 0.004)), p.x, p.y))
      return
    }
    if (asleep()) return
    e.preventDefault()
    const unit = e.deltaMode === 1 ? 18 : 1
    const [dx, dy] = e.shiftKey ? [e.deltaY, e.deltaX] : [e.deltaX, e.deltaY]
    set((v) => ({ ...v, x: v.x - dx * unit, y: v.y - dy * unit }))
  }

  const fingers = new Map<number, { x: number; y: number }>()
  let far = 0
  const down = (e: PointerEvent) => {
    if (e.button !== 0 || (e.target instanceof Element && e.target.closest('button, canvas'))) return
    if (asleep() && e.pointerType === 'mouse') return
    fingers.set(e.pointerId, point(e))
    far = 0
  }
  const move = (e: PointerEvent) => {
    const was = fingers.get(e.pointerId)
    if (was === undefined) return
    const now = point(e)
    const other = [...fingers].find(([id]) => id !== e.pointerId)?.[1]
    far += Math.abs(now.x - was.x) + Math.abs(now.y - was.y)
    if (far < 5 && other === undefined) return
    if (!el.dataset.dragging) {
      el.dataset.dragging = 'true'
      el.setPointerCapture(e.pointerId)
    }
    fingers.set(e.pointerId, now)
    set((v) => {
      if (other === undefined) return { ...v, x: v.x + now.x - was.x, y: v.y + now.y - was.y }
      const before = Math.hypot(was.x - other.x, was.y - other.y)
      const after = Math.hypot(now.x - other.x, now.y - other.y)
      const z = zoomAt(v, before > 0 ? after / before : 1, (now.x + other.x) / 2, (now.y + other.y) / 2)
      return { ...z, x: z.x + (now.x - was.x) / 2, y: z.y + (now.y - was.y) / 2 }
    })
  }
  const up = (e: PointerEvent) => {
    fingers.delete(e.pointerId)
    if (fingers.size === 0) delete el.dataset.dragging
  }
  // A drag that ends on a node does not open it.
  const click = (e: MouseEvent) => {
    if (far >= 5) {
      e.stopPropagation()
      e.preventDefault()
    }
    far = 0
  }
  el.addEventListener('wheel', wheel, { passive: false })
  el.addEventListener('pointerdown', down)
  el.addEventListener('pointermove', move)
  el.addEventListener('pointerup', up)
  el.addEventListener('pointercancel', up)
  el.addEventListener('click', click, true)
  return () => {
    el.removeEventListener('wheel', wheel)
    el.removeEventListener('pointerdown', down)
    el.removeEventListener('pointermove', move)
    el.removeEventListener('pointerup', up)
    el.removeEventListener('pointercancel', up)
    el.removeEventListener('click', click, true)
  }
}

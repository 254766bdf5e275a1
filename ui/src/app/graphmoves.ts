import { type RefObject, useCallback, useEffect, useLayoutEffect, useRef, useState } from 'react'
import { changed, type Shown, signature, treeKey, type TreeRow, typeahead } from './forest'
import { type Area, type Layout, metrics as m } from './layout'
import type { PanZoom } from './panzoom'
import { contains, fit, reveal, seen, type Size, type View } from './view'

/** How many px around the frame are drawn ahead of a movement. */
const ahead = 320

/** The size of the frame, as it is now. */
export function useSize(frame: RefObject<HTMLElement | null>): Size {
  const [size, setSize] = useState({ width: 1000, height: 600 })
  useLayoutEffect(() => {
    const el = frame.current
    if (el === null) return
    const measure = () => setSize({ width: el.clientWidth, height: el.clientHeight })
    measure()
    const watch = new ResizeObserver(measure)
    watch.observe(el)
    return () => watch.disconnect()
  }, [frame])
  return size
}

/** The part of the drawing that is drawn, and what to call when the view moved: it changes only when that went far. */
export function useArea(): [Area, (v: View, frame: Size) => void] {
  const [area, setArea] = useState<Area>({ left: -ahead, top: -ahead, right: 1600, bottom: 1200 })
  const moved = useCallback((v: View, frame: Size) => {
    setArea((have) => (contains(have, seen(v, frame)) && have.right - have.left < (frame.width + 3 * ahead) / v.zoom ? have : seen(v, frame, ahead)))
  }, [])
  return [area, moved]
}

export interface Stop {
  /** The place of the box that Tab stops at, -1 when there is none. */
  readonly at: number
  readonly setActive: (id: string) => void
  /** Goes to a node: it is shown and gets the focus. */
  readonly go: (id: string) => void
}

/** The one stop for Tab in the tree. What is selected from elsewhere is shown; the focus follows only the keys. */
export function useStop(frame: RefObject<HTMLElement | null>, drawing: Layout, area: Area, selected: string, pan: PanZoom): Stop {
  const [active, setActive] = useState('')
  const wanted = useRef(false)
  const at = drawing.byId.get(active) ?? drawing.byId.get(selected) ?? (drawing.boxes.length > 0 ? 0 : -1)
  const show = useCallback((id: string) => {
    const b = drawing.boxes[drawing.byId.get(id) ?? -1]
    if (b !== undefined) pan.set((v, s) => reveal(v, { left: b.x, top: b.y, right: b.x + m.width, bottom: b.y + m.height }, s))
  }, [drawing, pan])
  const go = useCallback((id: string) => {
    wanted.current = true
    setActive(id)
    show(id)
  }, [show])
  useEffect(() => {
    if (selected !== '') show(selected)
    // Only when another one is selected: a drawing that grows does not jump.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [selected])
  useEffect(() => {
    if (!wanted.current) return
    const el = frame.current?.querySelector<HTMLElement>('[role="treeitem"][tabindex="0"]')
    if (el) {
      wanted.current = false
      el.focus({ preventScroll: true })
    }
  }, [frame, active, area])
  return { at, setActive, go }
}

interface Keys {
  readonly rows: readonly TreeRow[]
  readonly stop: Stop
  readonly drawing: Layout
  readonly pan: PanZoom
  readonly onEnter: (at: number) => void
  readonly onToggle: (id: string, open: boolean) => void
}

/** The keys of the drawing: those of a tree, the zoom, and with Shift the first letters of a name. */
export function useGraphKeys({ rows, stop, drawing, pan, onEnter, onToggle }: Keys): (e: React.KeyboardEvent) => void {
  const typed = useRef({ text: '', at: 0 })
  const { at, go } = stop
  return (e) => {
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
      else onEnter(at)
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
}

/** Which nodes changed just now. */
export function usePulse(shown: readonly Shown[]): ReadonlySet<string> {
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

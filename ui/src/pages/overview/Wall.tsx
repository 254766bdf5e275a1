import { Link, useNavigate } from '@tanstack/react-router'
import { useEffect, useMemo, useRef, useState, type MouseEvent } from 'react'
import type { WallGroup } from '../../api/types'
import { Num, StateGlyph, T, plain } from '../../components'
import { useAppearance } from '../../shell/appearance'
import { quote } from '../apps/filter'
import { byDelivery } from '../delivery'
import { cellSizes, draw, LETTERS, place, problemsIn, tally, type Sizes } from './cells'
import css from './Wall.module.css'

export interface WallProps {
  groups: WallGroup[]
  total: number
  by: string
  large: boolean
}

/** Wall is a cell per App, worst first in each group. What it shows stands in words beside each group, and problems in a list. */
export function Wall({ groups, total, by, large }: WallProps) {
  const sizes = useMemo(() => cellSizes(total, large), [total, large])
  const ordered = useMemo(() => (by === 'environment' ? [...groups].sort((a, b) => byDelivery(a.name, b.name)) : groups), [groups, by])
  return (
    <ul className={css.wall}>
      {ordered.map((g) => (
        <Group key={g.name} group={g} by={by} sizes={sizes} />
      ))}
    </ul>
  )
}

function Group({ group, by, sizes }: { group: WallGroup; by: string; sizes: Sizes }) {
  const counts = tally(group.cells)
  const filter = group.name ? `${by}:${quote(group.name)}` : ''
  return (
    <li className={css.group}>
      <div className={css.label}>
        <Link to="/apps" search={{ filter: filter || undefined }} className="cut" title={plain(group.name)}>
          <T>{group.name || 'none'}</T>
        </Link>
        <span className={css.counts}>
          {counts
            .filter(([s]) => s !== 'Synced')
            .map(([s, n]) => (
              <span key={s} data-state={s}>
                <StateGlyph state={s} size={12} label={s} />
                <Num n={n} />
              </span>
            ))}
          <span className="muted">
            of <Num n={group.cells.length} />
          </span>
        </span>
      </div>
      <Cells group={group} sizes={sizes} filter={filter} />
    </li>
  )
}

function Cells({ group, sizes, filter }: { group: WallGroup; sizes: Sizes; filter: string }) {
  const box = useRef<HTMLDivElement>(null)
  const canvas = useRef<HTMLCanvasElement>(null)
  const [width, setWidth] = useState(0)
  const [tip, setTip] = useState<{ x: number; y: number; text: string; state: string }>()
  const look = useAppearance()
  const dark = useDarkSystem()
  const navigate = useNavigate()
  useEffect(() => {
    const el = box.current
    if (!el) return
    const watch = new ResizeObserver(() => setWidth(el.clientWidth))
    watch.observe(el)
    return () => watch.disconnect()
  }, [])
  useEffect(() => {
    if (canvas.current && width > 0) draw(canvas.current, group.cells, width, sizes, look.pattern)
  }, [group.cells, width, sizes, look, dark])

  const at = (e: MouseEvent) => {
    const r = e.currentTarget.getBoundingClientRect()
    return place(e.clientX - r.left, e.clientY - r.top, group.cells.length, problemsIn(group.cells), width, sizes)
  }
  const move = (e: MouseEvent) => {
    const i = at(e)
    if (i < 0) return setTip(undefined)
    const r = e.currentTarget.getBoundingClientRect()
    const state = LETTERS[group.cells[i]!] ?? 'Unknown'
    setTip({ x: Math.min(e.clientX - r.left, r.width - 160), y: e.clientY - r.top, text: group.apps?.[i] ?? group.name, state })
  }
  const open = (e: MouseEvent) => {
    const i = at(e)
    if (i < 0) return
    const app = group.apps?.[i]
    const slash = app?.indexOf('/') ?? -1
    if (app && slash > 0) void navigate({ to: '/a/$namespace/$name', params: { namespace: app.slice(0, slash), name: app.slice(slash + 1) } })
    else void navigate({ to: '/apps', search: { filter: `${filter} state:${(LETTERS[group.cells[i]!] ?? 'unknown').toLowerCase()}`.trim() } })
  }
  return (
    <div ref={box} className={css.cells}>
      {/* The drawing is for the eye and the pointer; words and links for everybody stand beside it. */}
      <canvas ref={canvas} aria-hidden="true" onMouseMove={move} onMouseLeave={() => setTip(undefined)} onClick={open} />
      {tip && (
        <div className={css.tip} style={{ left: tip.x + 12, top: tip.y + 14 }} aria-hidden="true">
          <StateGlyph state={tip.state} size={14} />
          <T>{tip.text}</T>
        </div>
      )}
    </div>
  )
}

function useDarkSystem(): boolean {
  const [dark, setDark] = useState(() => matchMedia('(prefers-color-scheme: dark)').matches)
  useEffect(() => {
    const m = matchMedia('(prefers-color-scheme: dark)')
    const f = () => setDark(m.matches)
    m.addEventListener('change', f)
    return () => m.removeEventListener('change', f)
  }, [])
  return dark
}

import { useVirtualizer, useWindowVirtualizer } from '@tanstack/react-virtual'
import { useEffect, useLayoutEffect, useRef, useState, type ReactNode } from 'react'

export interface VirtualListProps {
  count: number
  /** Height of a row in px (an estimate when `measure`). */
  rowHeight: number
  render: (index: number) => ReactNode
  keyOf?: (index: number) => string | number
  /** Called when the end comes into sight; call it freely, it is your job to ask once. */
  onEnd?: () => void
  /** Rows differ in height: each is measured. */
  measure?: boolean
  /** role of the list and of its rows. */
  role?: 'list' | 'rowgroup' | 'none'
  label?: string
  /** Scroll to this row (by a change of the value). */
  active?: number | undefined
}

/** VirtualList draws the rows that are in sight; the window scrolls. */
export function VirtualList({ count, rowHeight, render, keyOf, onEnd, measure, role = 'list', label, active }: VirtualListProps) {
  const ref = useRef<HTMLDivElement>(null)
  const [top, setTop] = useState(0)
  useLayoutEffect(() => {
    const measure = () => ref.current && setTop(ref.current.getBoundingClientRect().top + window.scrollY)
    measure()
    // What stands above may change at any time; told so, nothing has to be laid out only to be asked.
    const watch = new ResizeObserver(measure)
    watch.observe(document.body)
    for (let e = ref.current?.parentElement; e && e !== document.body; e = e.parentElement) for (const sibling of e.children) if (sibling !== ref.current) watch.observe(sibling)
    return () => watch.disconnect()
  }, [])
  const v = useWindowVirtualizer({ count, estimateSize: () => rowHeight, overscan: 12, scrollMargin: top, ...(keyOf ? { getItemKey: keyOf } : {}) })
  const rows = v.getVirtualItems()
  useEffect(() => v.measure(), [rowHeight, v])
  const last = rows.length > 0 ? rows[rows.length - 1]!.index : -1
  useEffect(() => {
    if (last >= count - 15 && count > 0) onEnd?.()
  }, [last, count, onEnd])
  useEffect(() => {
    if (active !== undefined && active >= 0) v.scrollToIndex(active, { align: 'auto' })
  }, [active, v])
  return (
    <div ref={ref} role={role === 'none' ? undefined : role} aria-label={label} style={{ height: v.getTotalSize(), position: 'relative' }}>
      {rows.map((r) => (
        <div
          key={r.key}
          data-index={r.index}
          ref={measure ? v.measureElement : undefined}
          role={role === 'list' ? 'listitem' : 'presentation'}
          aria-setsize={role === 'list' ? count : undefined}
          aria-posinset={role === 'list' ? r.index + 1 : undefined}
          style={{ position: 'absolute', top: 0, left: 0, right: 0, height: measure ? undefined : r.size, transform: `translateY(${r.start - top}px)` }}
        >
          {render(r.index)}
        </div>
      ))}
    </div>
  )
}

/** VirtualBox is the same inside an element that scrolls by itself; give it a height by className. */
export function VirtualBox({ count, rowHeight, render, keyOf, onEnd, measure, label, active, className }: VirtualListProps & { className?: string }) {
  const ref = useRef<HTMLDivElement>(null)
  const v = useVirtualizer({ count, estimateSize: () => rowHeight, overscan: 16, getScrollElement: () => ref.current, ...(keyOf ? { getItemKey: keyOf } : {}) })
  const rows = v.getVirtualItems()
  const last = rows.length > 0 ? rows[rows.length - 1]!.index : -1
  useEffect(() => {
    if (last >= count - 15 && count > 0) onEnd?.()
  }, [last, count, onEnd])
  useEffect(() => {
    if (active !== undefined && active >= 0) v.scrollToIndex(active, { align: 'auto' })
  }, [active, v])
  return (
    // A region that scrolls can be reached by keyboard.
    <div ref={ref} className={className} style={{ overflow: 'auto' }} tabIndex={0} role="group" aria-label={label}>
      <div style={{ height: v.getTotalSize(), position: 'relative' }}>
        {rows.map((r) => (
          <div
            key={r.key}
            data-index={r.index}
            ref={measure ? v.measureElement : undefined}
            style={{ position: 'absolute', top: 0, left: 0, right: 0, height: measure ? undefined : r.size, transform: `translateY(${r.start}px)` }}
          >
            {render(r.index)}
          </div>
        ))}
      </div>
    </div>
  )
}

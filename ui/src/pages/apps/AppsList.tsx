import { Link, useNavigate } from '@tanstack/react-router'
import { memo, useCallback, useLayoutEffect, useMemo, useRef, useState } from 'react'
import type { AppRow } from '../../api/types'
import { Ago, Icon, StateWord, T, VirtualList, plain } from '../../components'
import { keyOf } from '../../live'
import { useRowHeight } from '../../shell/appearance'
import { useKeys } from '../../shell/keys'
import { useNarrow } from '../../shell/useNarrow'
import { fit, template, version, what, type Column } from './columns'
import css from './Apps.module.css'

export interface AppsListProps {
  rows: AppRow[]
  total: number
  columns: Column[]
  /** The order, and how to ask for another one. */
  sort: string
  onSort: (sort: string) => void
  onEnd: () => void
  selected: ReadonlyMap<string, AppRow>
  onSelect: (row: AppRow, on: boolean) => void
  stale: boolean
}

/** useWidth is the width of an element in px; Infinity until it is known. */
function useWidth(ref: { current: HTMLElement | null }): number {
  const [width, set] = useState(Infinity)
  useLayoutEffect(() => {
    const el = ref.current
    if (!el) return
    const read = () => set(el.clientWidth)
    read()
    const watch = new ResizeObserver(read)
    watch.observe(el)
    return () => watch.disconnect()
  }, [ref])
  return width
}

/** AppsList is a line per App. j and k move, x selects, Enter opens. */
export const AppsList = memo(function AppsList({ rows, total, columns, sort, onSort, onEnd, selected, onSelect, stale }: AppsListProps) {
  const narrow = useNarrow(940)
  const height = useRowHeight()
  const [at, setAt] = useState(-1)
  const box = useRef<HTMLDivElement>(null)
  const width = useWidth(box)
  const shown = useMemo(() => fit(columns, width), [columns, width])
  const navigate = useNavigate()
  const focus = useCallback((i: number) => {
    setAt(i)
    // The row may have to be scrolled to first.
    requestAnimationFrame(() => requestAnimationFrame(() => box.current?.querySelector<HTMLElement>(`[data-index="${i}"] a`)?.focus({ preventScroll: true })))
  }, [])
  const move = (by: number, mark = false) => {
    const next = Math.max(0, Math.min(rows.length - 1, at + by))
    if (mark && rows[next]) onSelect(rows[next], true)
    focus(next)
  }
  const here = () => rows[at]
  useKeys(
    {
      j: { run: () => move(1), label: 'Next' },
      k: { run: () => move(-1), label: 'Previous' },
      'Shift+J': { run: () => move(1, true), label: 'Next, and select' },
      x: { run: () => here() && onSelect(here()!, !selected.has(keyOf(here()!))), label: 'Select' },
      Enter: () => here() && void navigate({ to: '/a/$namespace/$name', params: here()! }),
    },
    'Apps',
  )
  const Row = narrow ? Card : Line
  const render = (i: number) => <Row row={rows[i]!} columns={narrow ? columns : shown} on={selected.has(keyOf(rows[i]!))} onSelect={onSelect} index={i} onFocus={setAt} />
  return (
    <div
      ref={box}
      className={`card ${css.table} ${narrow ? css.cards : ''} ${stale ? css.stale : ''}`}
      style={{ '--columns': template(shown) } as React.CSSProperties}
      role="table"
      aria-label="Apps"
      aria-rowcount={total + 1}
      aria-busy={stale}
    >
      {!narrow && <Head columns={shown} sort={sort} onSort={onSort} />}
      <VirtualList role="rowgroup" count={rows.length} rowHeight={narrow ? 84 : height} render={render} keyOf={(i) => keyOf(rows[i]!)} onEnd={onEnd} active={at} />
    </div>
  )
})

const Head = memo(function Head({ columns, sort, onSort }: { columns: Column[]; sort: string; onSort: (sort: string) => void }) {
  return (
    <div className={css.head} role="row" aria-rowindex={1}>
      <span role="columnheader">
        <span className="sr">Selected</span>
      </span>
      {columns.map((c) => {
        const at = c.sorts?.indexOf(sort || 'state') ?? -1
        return (
          <span key={c.id} role="columnheader" aria-sort={at < 0 ? undefined : sort === 'name' || sort === 'cluster' ? 'ascending' : 'descending'} data-kind={c.className}>
            {c.sorts ? (
              <button type="button" onClick={() => onSort(c.sorts![(at + 1) % c.sorts!.length]!)} title={`Order by ${c.title.toLowerCase()}`} data-on={at >= 0 || undefined}>
                {c.title}
                {at >= 0 && <Icon name={sort === 'name' || sort === 'cluster' ? 'up' : 'down'} size={11} />}
              </button>
            ) : (
              <span className="cut" title={plain(c.title)}>
                <T>{c.title}</T>
              </span>
            )}
          </span>
        )
      })}
    </div>
  )
})

interface LineProps {
  row: AppRow
  columns: Column[]
  on: boolean
  index: number
  onSelect: (row: AppRow, on: boolean) => void
  onFocus: (i: number) => void
}

/** NameLink opens the App; beside it stands its namespace, unless that has a column. */
function NameLink({ row, index, columns, onFocus }: Pick<LineProps, 'row' | 'index' | 'columns' | 'onFocus'>) {
  return (
    <>
      <Link to="/a/$namespace/$name" params={{ namespace: row.namespace, name: row.name }} className="cut" title={plain(keyOf(row))} onFocus={() => onFocus(index)} preload={false}>
        <T>{row.name}</T>
      </Link>
      {!columns.some((c) => c.id === 'namespace') && (
        <span className="cut">
          <T>{row.namespace}</T>
        </span>
      )}
    </>
  )
}

const Line = memo(function Line({ row, columns, on, index, onSelect, onFocus }: LineProps) {
  return (
    <div className={css.line} role="row" aria-rowindex={index + 2} data-on={on || undefined}>
      <span role="cell">
        <label className={css.check}>
          <input type="checkbox" checked={on} onChange={(e) => onSelect(row, e.target.checked)} aria-label={`Select ${plain(row.name)}`} tabIndex={-1} />
        </label>
      </span>
      {columns.map((c) =>
        c.id === 'name' ? (
          <span key={c.id} role="cell" className={css.name}>
            <NameLink row={row} index={index} columns={columns} onFocus={onFocus} />
          </span>
        ) : (
          <span key={c.id} role="cell" className={c.className === 'state' ? css.state : c.id === 'what' ? `cut ${css.what}` : 'cut'} data-kind={c.className} data-state={c.id === 'what' && row.state !== 'Synced' ? row.state : undefined} title={c.tip?.(row)}>
            {c.cell(row)}
          </span>
        ),
      )}
    </div>
  )
})

/** Card is an App where there is no room for a line. Columns that somebody chose besides the usual ones stand at its foot. */
const Card = memo(function Card({ row, columns, on, index, onFocus }: LineProps) {
  const text = what(row)
  const has = (id: string) => columns.some((c) => c.id === id)
  const more = columns.filter((c) => !inCard.has(c.id))
  return (
    <div className={css.line} role="row" aria-rowindex={index + 2} data-on={on || undefined}>
      <div className={css.cardTop} role="cell">
        <span className={css.name}>
          <NameLink row={row} index={index} columns={[]} onFocus={onFocus} />
        </span>
        <span className={css.state}>
          <StateWord state={row.state} />
          <Ago at={row.since} />
        </span>
      </div>
      <div className={`cut ${css.what}`} role="cell" data-state={row.state === 'Synced' ? undefined : row.state}>
        <T>{text}</T>
      </div>
      <div className={css.cardBottom} role="cell">
        <span className="cut">
          <T>{row.images?.[0] ?? version(row)}</T>
        </span>
        {more.map((c) => (
          <span key={c.id} className="cut" title={plain(c.title)}>
            {c.className === 'number' && `${c.title} `}
            {c.cell(row)}
          </span>
        ))}
        {has('cluster') && (
          <span className="cut">
            <T>{row.cluster}</T>
          </span>
        )}
      </div>
    </div>
  )
})
const inCard = new Set(['state', 'name', 'what', 'version', 'commit', 'cluster', 'namespace', 'deployed', 'images'])

import { Link } from '@tanstack/react-router'
import { useLayoutEffect, useRef, useState } from 'react'
import type { AppRow } from '../../api/types'
import { Ago, StateWord, T, VirtualList } from '../../components'
import { keyOf } from '../../live'
import { version, what } from './columns'
import css from './Apps.module.css'

const TILE = 260

/** AppsGrid is a tile per App. There are no buttons on tiles: what deletes must not stand beside what opens. */
export function AppsGrid({ rows, onEnd }: { rows: AppRow[]; onEnd: () => void }) {
  const box = useRef<HTMLDivElement>(null)
  const [columns, setColumns] = useState(4)
  useLayoutEffect(() => {
    const el = box.current
    if (!el) return
    const fit = () => setColumns(Math.max(1, Math.floor((el.clientWidth + 10) / (TILE + 10))))
    fit()
    const watch = new ResizeObserver(fit)
    watch.observe(el)
    return () => watch.disconnect()
  }, [])
  const lines = Math.ceil(rows.length / columns)
  return (
    <div ref={box}>
      <VirtualList
        count={lines}
        rowHeight={126}
        role="none"
        onEnd={onEnd}
        render={(i) => (
          <ul className={css.grid} style={{ gridTemplateColumns: `repeat(${columns}, minmax(0, 1fr))` }}>
            {rows.slice(i * columns, (i + 1) * columns).map((r) => (
              <Tile key={keyOf(r)} row={r} />
            ))}
          </ul>
        )}
      />
    </div>
  )
}

function Tile({ row }: { row: AppRow }) {
  return (
    <li>
      <Link to="/a/$namespace/$name" params={{ namespace: row.namespace, name: row.name }} className={css.tile} data-state={row.state} preload={false}>
        <span className="row">
          <StateWord state={row.state} />
          <span className="muted">
            <Ago at={row.since} />
          </span>
        </span>
        <strong className="cut">
          <T>{row.name}</T>
        </strong>
        <span className="cut muted">
          <T>{what(row)}</T>
        </span>
        <span className="cut muted">
          <T>{[row.cluster, version(row)].filter(Boolean).join(' · ')}</T>
        </span>
      </Link>
    </li>
  )
}

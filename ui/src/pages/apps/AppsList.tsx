import { Link, useNavigate } from '@tanstack/react-router'
import { memo, useCallback, useRef, useState } from 'react'
import type { AppRow } from '../../api/types'
import { Ago, CommitRef, StateWord, T, VirtualList, plain, short } from '../../components'
import { keyOf } from '../../live'
import { useRowHeight } from '../../shell/appearance'
import { useKeys } from '../../shell/keys'
import { useNarrow } from '../../shell/useNarrow'
import css from './Apps.module.css'

export interface AppsListProps {
  rows: AppRow[]
  total: number
  onEnd: () => void
  selected: ReadonlyMap<string, AppRow>
  onSelect: (row: AppRow, on: boolean) => void
  stale: boolean
}

const columns = ['State', 'App', 'What', 'Version', 'Commit', 'Where', 'Deployed']

/** AppsList is a line per App. j and k move, x selects, Enter opens. */
export function AppsList({ rows, total, onEnd, selected, onSelect, stale }: AppsListProps) {
  const narrow = useNarrow(940)
  const height = useRowHeight()
  const [at, setAt] = useState(-1)
  const box = useRef<HTMLDivElement>(null)
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
  const render = (i: number) => <Line row={rows[i]!} narrow={narrow} on={selected.has(keyOf(rows[i]!))} onSelect={onSelect} index={i} onFocus={setAt} />
  return (
    <div ref={box} className={`card ${css.table} ${narrow ? css.cards : ''} ${stale ? css.stale : ''}`} role="table" aria-label="Apps" aria-rowcount={total + 1} aria-busy={stale}>
      {!narrow && (
        <div className={css.head} role="row" aria-rowindex={1}>
          <span role="columnheader">
            <span className="sr">Selected</span>
          </span>
          {columns.map((c) => (
            <span key={c} role="columnheader">
              {c}
            </span>
          ))}
        </div>
      )}
      <VirtualList role="rowgroup" count={rows.length} rowHeight={narrow ? 84 : height} render={render} keyOf={(i) => keyOf(rows[i]!)} onEnd={onEnd} active={at} />
    </div>
  )
}

interface LineProps {
  row: AppRow
  narrow: boolean
  on: boolean
  index: number
  onSelect: (row: AppRow, on: boolean) => void
  onFocus: (i: number) => void
}

const Line = memo(function Line({ row, narrow, on, index, onSelect, onFocus }: LineProps) {
  const link = (
    <Link to="/a/$namespace/$name" params={{ namespace: row.namespace, name: row.name }} className="cut" title={plain(keyOf(row))} onFocus={() => onFocus(index)} preload={false}>
      <T>{row.name}</T>
    </Link>
  )
  const bad = row.state !== 'Synced'
  const what = bad ? row.message || row.reason || '' : (row.commit?.subject ?? '')
  if (narrow)
    return (
      <div className={css.line} role="row" aria-rowindex={index + 2} data-on={on || undefined}>
        <div className={css.cardTop} role="cell">
          <span className={css.name}>
            {link}
            <span className="cut">
              <T>{row.namespace}</T>
            </span>
          </span>
          <span className={css.state}>
            <StateWord state={row.state} />
            <Ago at={row.since} />
          </span>
        </div>
        <div className={`cut ${css.what}`} role="cell" data-state={bad ? row.state : undefined}>
          <T>{what}</T>
        </div>
        <div className={css.cardBottom} role="cell">
          <span className="cut">
            <T>{row.images?.[0] ?? ''}</T>
          </span>
          <span className="cut">
            <T>{row.cluster}</T>
          </span>
        </div>
      </div>
    )
  return (
    <div className={css.line} role="row" aria-rowindex={index + 2} data-on={on || undefined}>
      <span role="cell">
        <label className={css.check}>
          <input type="checkbox" checked={on} onChange={(e) => onSelect(row, e.target.checked)} aria-label={`Select ${plain(row.name)}`} tabIndex={-1} />
        </label>
      </span>
      <span role="cell" className={css.state}>
        <StateWord state={row.state} />
        <Ago at={row.since} />
      </span>
      <span role="cell" className={css.name}>
        {link}
        <span className="cut">
          <T>{row.namespace}</T>
        </span>
      </span>
      <span role="cell" className={`cut ${css.what}`} data-state={bad ? row.state : undefined} title={plain(what)}>
        <T>{what}</T>
      </span>
      <span role="cell" className="cut mono" title={plain(row.images?.join('\n'))}>
        <T>{version(row)}</T>
      </span>
      <span role="cell" className="cut">
        <CommitLine row={row} />
      </span>
      <span role="cell" className="cut" title={plain(row.environment ? `${row.cluster}, ${row.environment}` : row.cluster)}>
        <T>{row.cluster}</T>
      </span>
      <span role="cell" className="muted">
        <Ago at={row.deployedAt} />
      </span>
    </div>
  )
})

function CommitLine({ row }: { row: AppRow }) {
  if (!row.commit?.sha) return null
  return (
    <>
      <CommitRef commit={{ sha: row.commit.sha, url: row.commit.url, subject: undefined, author: row.commit.author }} brief />{' '}
      <span className="muted">
        <T>{row.commit.author ?? ''}</T>
      </span>
    </>
  )
}

/** version is what people call what runs: the tag of the first image, else the commit. */
export function version(row: AppRow): string {
  const image = row.images?.[0]
  if (!image) return row.commit ? short(row.commit.sha) : ''
  const at = image.lastIndexOf('@')
  if (at > 0) return short(image.slice(at + 1))
  const colon = image.lastIndexOf(':')
  return colon > image.lastIndexOf('/') ? image.slice(colon + 1) : image
}

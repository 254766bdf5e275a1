import { useInfiniteQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useCallback, useEffect, useMemo } from 'react'
import { problemOf } from '../../api/client'
import { matrixQuery } from '../../api/queries'
import type { AppRow, FacetCount, Matrix, MatrixRow } from '../../api/types'
import { Button, Problem, Skeleton, StateGlyph, T, VirtualList, plain, sentence } from '../../components'
import { keyOf } from '../../live'
import { useKeys } from '../../shell/keys'
import type { Count } from './Apps'
import { version } from './columns'
import { byDelivery } from '../delivery'
import { quote } from './filter'
import { NoMatch, type NoMatchProps } from './NoMatch'
import css from './Apps.module.css'

/** MOST columns are shown. */
export const MOST = 12

/** environments are the columns, '' being Apps without one: those with the most Apps, what comes early in a delivery left. */
export function environments(all: readonly FacetCount[]): { columns: string[]; left: string[] } {
  const names = all.map((f) => f.value)
  return { columns: names.slice(0, MOST).sort(byDelivery), left: names.slice(MOST) }
}

/** usual is the version that most of a component's Apps run; what differs from it is to be seen. */
export function usual(row: Pick<MatrixRow, 'cells'>): string {
  const n = new Map<string, number>()
  for (const r of row.cells.flatMap((c) => c.apps)) n.set(version(r), (n.get(version(r)) ?? 0) + 1)
  return [...n].sort((a, b) => b[1] - a[1])[0]?.[0] ?? ''
}

/** once is each component once: one that came while pages were read may come twice. */
export function once(pages: readonly Matrix[]): MatrixRow[] {
  const seen = new Set<string>()
  return pages.flatMap((p) => p.items).filter((r) => !seen.has(r.component) && seen.add(r.component))
}

export interface AppsMatrixProps extends Omit<NoMatchProps, 'hint'> {
  /** With the scope; `filter` is what was typed. */
  all: string
  onCount: (c: Count) => void
}

/** AppsMatrix answers "which version runs where": a row per component, a column per environment. The server groups. */
export function AppsMatrix({ all, filter, scope, onChange, onCount }: AppsMatrixProps) {
  const q = useInfiniteQuery(matrixQuery(all))
  const { hasNextPage, isFetching, fetchNextPage, isPlaceholderData } = q
  const rows = useMemo(() => once(q.data?.pages ?? []), [q.data])
  const more = useCallback(() => {
    if (hasNextPage && !isFetching) void fetchNextPage()
  }, [hasNextPage, isFetching, fetchNextPage])
  useKeys({ r: { run: () => void q.refetch(), label: 'Read again' } }, 'Apps')
  const first = q.data?.pages[0]
  const settled = first !== undefined && !isPlaceholderData
  const { apps = 0, total = 0 } = first ?? {}
  useEffect(() => {
    if (settled) onCount({ total: apps, of: all, rows: total })
  }, [settled, apps, total, all, onCount])
  return (
    <>
      {q.error && (
        <Problem what="Reading what runs where" problem={problemOf(q.error)}>
          <Button small onClick={() => void q.refetch()}>
            Try again
          </Button>
        </Problem>
      )}
      {settled && rows.length === 0 ? (
        <NoMatch hint={first.hint} filter={filter} scope={scope} onChange={onChange} />
      ) : first === undefined ? (
        !q.error && <Skeleton rows={12} height={24} label="Reading what runs where" />
      ) : (
        <Table rows={rows} first={first} onEnd={more} stale={isPlaceholderData} />
      )}
    </>
  )
}

function Table({ rows, first, onEnd, stale }: { rows: MatrixRow[]; first: Matrix; onEnd: () => void; stale: boolean }) {
  const { columns, left } = useMemo(() => environments(first.environments), [first.environments])
  const template = { gridTemplateColumns: `minmax(150px, 1.2fr) repeat(${columns.length}, minmax(150px, 1fr))` }
  const tallest = (r: MatrixRow) => Math.max(...r.cells.map((c) => Math.min(c.count, 5)))
  return (
    <>
      <div className={`card ${css.matrix} ${stale ? css.stale : ''}`} data-wide={columns.length > 5 || undefined} role="table" aria-label="Versions by component and environment" aria-rowcount={(first.total ?? rows.length) + 1} aria-busy={stale}>
        <div style={{ minWidth: 150 + columns.length * 150 }} role="rowgroup">
          <div className={`${css.mrow} ${css.mhead}`} style={template} role="row">
            <span role="columnheader">Component</span>
            {columns.map((c) => (
              <span key={c} role="columnheader">
                <T>{c || 'no environment'}</T>
              </span>
            ))}
          </div>
          <VirtualList
            role="none"
            count={rows.length}
            rowHeight={44}
            measure
            keyOf={(i) => rows[i]!.component}
            onEnd={onEnd}
            render={(i) => (
              <div className={css.mrow} style={{ ...template, minHeight: 14 + 26 * tallest(rows[i]!) }} role="row" aria-rowindex={i + 2}>
                <Cells row={rows[i]!} columns={columns} />
              </div>
            )}
          />
        </div>
      </div>
      {left.length > 0 && (
        <p className="muted">
          These are the {MOST} environments with the most Apps; {left.length} more are left out. A filter such as <code>environment:{plain(left[0])}</code> shows others.
        </p>
      )}
    </>
  )
}

function Cells({ row, columns }: { row: MatrixRow; columns: string[] }) {
  const most = usual(row)
  return (
    <>
      <span role="rowheader">
        <b className="cut" title={plain(row.component)}>
          <T>{row.component}</T>
        </b>
      </span>
      {columns.map((c) => {
        const cell = row.cells.find((x) => (x.environment ?? '') === c)
        return (
          <span key={c} role="cell">
            {cell ? cell.apps.map((r) => <One key={keyOf(r)} row={r} differs={version(r) !== most} where={cell.count > 1} />) : <span className="muted">–</span>}
            {cell && cell.count > cell.apps.length && (
              <Link to="/apps" search={{ filter: `component:${quote(row.component)} environment:${quote(c)}` }} className={css.moreCell} preload={false}>
                and {(cell.count - cell.apps.length).toLocaleString('en-US')} more
              </Link>
            )}
          </span>
        )
      })}
    </>
  )
}

function One({ row, differs, where }: { row: AppRow; differs: boolean; where: boolean }) {
  return (
    <Link to="/a/$namespace/$name" params={{ namespace: row.namespace, name: row.name }} className={css.cell} title={plain(`${keyOf(row)}\n${sentence(row)}`)} preload={false}>
      <StateGlyph state={row.state} label={row.state} />
      <span className={`cut mono ${differs ? css.differs : ''}`}>
        <T>{version(row) || '?'}</T>
      </span>
      {where && (
        <small className="cut">
          <T>{row.cluster}</T>
        </small>
      )}
    </Link>
  )
}

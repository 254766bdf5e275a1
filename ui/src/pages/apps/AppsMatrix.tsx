import { Link } from '@tanstack/react-router'
import { useMemo } from 'react'
import type { AppRow, Facets } from '../../api/types'
import { StateGlyph, T, VirtualList, plain, sentence } from '../../components'
import { keyOf } from '../../live'
import { version } from './AppsList'
import css from './Apps.module.css'

const NONE = '–'
const order = ['dev', 'development', 'test', 'qa', 'int', 'integration', 'stage', 'staging', 'preprod', 'pre-prod', 'prod', 'production']

/** environments are the columns: what comes early in a delivery stands left. */
export function environments(rows: AppRow[], facets: Facets | undefined): string[] {
  const all = new Set(facets?.facets.find((f) => f.key === 'environment')?.values.map((v) => v.value))
  for (const r of rows) all.add(r.environment || NONE)
  const rank = (e: string) => {
    const i = order.findIndex((o) => e.toLowerCase() === o || e.toLowerCase().startsWith(o + '-'))
    return e === NONE ? 99 : i < 0 ? 50 : i
  }
  return [...all].sort((a, b) => rank(a) - rank(b) || a.localeCompare(b)).slice(0, 12)
}

/** components groups Apps by what they are; each has its Apps by environment. */
export function components(rows: AppRow[]): { name: string; cells: Map<string, AppRow[]> }[] {
  const out = new Map<string, Map<string, AppRow[]>>()
  for (const r of rows) {
    const cells = out.get(r.component || r.name) ?? new Map<string, AppRow[]>()
    const env = r.environment || NONE
    cells.set(env, [...(cells.get(env) ?? []), r])
    out.set(r.component || r.name, cells)
  }
  return [...out].map(([name, cells]) => ({ name, cells })).sort((a, b) => a.name.localeCompare(b.name))
}

/** AppsMatrix answers "which version runs where": a row per component, a column per environment. */
export function AppsMatrix({ rows, facets, onEnd, complete }: { rows: AppRow[]; facets: Facets | undefined; onEnd: () => void; complete: boolean }) {
  const columns = useMemo(() => environments(rows, facets), [rows, facets])
  const lines = useMemo(() => components(rows), [rows])
  const tallest = useMemo(() => lines.map((l) => Math.max(...[...l.cells.values()].map((c) => Math.min(c.length, 4)))), [lines])
  const template = { gridTemplateColumns: `minmax(150px, 1.2fr) repeat(${columns.length}, minmax(150px, 1fr))` }
  const width = { minWidth: 150 + columns.length * 150 }
  return (
    <div className={`card ${css.matrix}`} data-wide={columns.length > 5 || undefined} role="table" aria-label="Versions by component and environment" aria-rowcount={complete ? lines.length + 1 : -1}>
      <div style={width} role="rowgroup">
        <div className={`${css.mrow} ${css.mhead}`} style={template} role="row">
          <span role="columnheader">Component</span>
          {columns.map((c) => (
            <span key={c} role="columnheader">
              <T>{c === NONE ? 'no environment' : c}</T>
            </span>
          ))}
        </div>
        <VirtualList
          role="none"
          count={lines.length}
          rowHeight={44}
          measure
          keyOf={(i) => lines[i]!.name}
          onEnd={onEnd}
          render={(i) => (
            <div className={css.mrow} style={{ ...template, minHeight: 14 + 26 * (tallest[i] ?? 1) }} role="row">
              <span role="rowheader">
                <b className="cut" title={plain(lines[i]!.name)}>
                  <T>{lines[i]!.name}</T>
                </b>
              </span>
              {columns.map((c) => (
                <span key={c} role="cell">
                  <Cell apps={lines[i]!.cells.get(c) ?? []} usual={usual(lines[i]!.cells)} />
                </span>
              ))}
            </div>
          )}
        />
      </div>
    </div>
  )
}

/** usual is the version that most of a component's Apps run; what differs from it is to be seen. */
export function usual(cells: Map<string, AppRow[]>): string {
  const n = new Map<string, number>()
  for (const r of [...cells.values()].flat()) n.set(version(r), (n.get(version(r)) ?? 0) + 1)
  return [...n].sort((a, b) => b[1] - a[1])[0]?.[0] ?? ''
}

function Cell({ apps, usual }: { apps: AppRow[]; usual: string }) {
  if (apps.length === 0) return <span className="muted">–</span>
  return (
    <>
      {apps.slice(0, 4).map((r) => (
        <Link key={keyOf(r)} to="/a/$namespace/$name" params={{ namespace: r.namespace, name: r.name }} className={css.cell} title={plain(`${keyOf(r)}\n${sentence(r)}`)} preload={false}>
          <StateGlyph state={r.state} label={r.state} />
          <span className={`cut mono ${version(r) === usual ? '' : css.differs}`}>
            <T>{version(r) || '?'}</T>
          </span>
          {apps.length > 1 && (
            <small className="cut">
              <T>{r.cluster}</T>
            </small>
          )}
        </Link>
      ))}
      {apps.length > 4 && <span className="muted">and {apps.length - 4} more</span>}
    </>
  )
}

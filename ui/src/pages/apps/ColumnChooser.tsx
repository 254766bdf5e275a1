import type { Facets } from '../../api/types'
import { Button, DropDown, Icon, IconButton, T, plain } from '../../components'
import { COLUMNS, USUAL, readColumns, writeColumns, type Column } from './columns'
import { hidden } from './FilterBar'
import css from './ColumnChooser.module.css'

/** ColumnChooser says which columns the list has, in which order. They stand in the address. */
export function ColumnChooser({ columns, facets, onChange }: { columns: Column[]; facets: Facets | undefined; onChange: (address: string | undefined) => void }) {
  const ids = columns.map((c) => c.id)
  const put = (next: string[]) => onChange(writeColumns(next))
  const move = (i: number, by: number) => {
    const next = [...ids]
    next.splice(i + by, 0, ...next.splice(i, 1))
    put(next)
  }
  const labels = (facets?.facets ?? []).map((f) => f.key).filter((k) => k.startsWith('label:') && !hidden.has(k))
  const others = [...COLUMNS, ...readColumns(labels.join(',')).filter((c) => c.id.startsWith('label:'))].filter((c) => !ids.includes(c.id))
  return (
    <DropDown face={<><Icon name="columns" />Columns</>} label="Columns" className={css.chooser} side="end" width={270}>
      {() => (
        <div className={css.panel}>
          <ul>
            {columns.map((c, i) => (
              <li key={c.id}>
                <label>
                  <input type="checkbox" checked disabled={c.id === 'name'} onChange={() => put(ids.filter((id) => id !== c.id))} />
                  <T>{c.title}</T>
                </label>
                <IconButton small label={`${plain(c.title)}: further left`} denied={i === 0 ? 'it is the first' : undefined} onClick={() => move(i, -1)}>
                  <Icon name="up" size={14} />
                </IconButton>
                <IconButton small label={`${plain(c.title)}: further right`} denied={i === columns.length - 1 ? 'it is the last' : undefined} onClick={() => move(i, 1)}>
                  <Icon name="down" size={14} />
                </IconButton>
              </li>
            ))}
          </ul>
          <ul className={css.others}>
            {others.map((c) => (
              <li key={c.id}>
                <label>
                  <input type="checkbox" checked={false} onChange={() => put([...ids, c.id])} />
                  <T>{c.title}</T>
                  {c.id.startsWith('label:') && <span className="muted">label</span>}
                </label>
              </li>
            ))}
          </ul>
          <p className="muted">A window that is too narrow leaves the less important ones out.</p>
          {ids.join() !== USUAL.join() && (
            <Button small onClick={() => onChange(undefined)}>
              The usual ones
            </Button>
          )}
        </div>
      )}
    </DropDown>
  )
}

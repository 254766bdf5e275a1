import type { ReactNode } from 'react'
import type { AppRow } from '../../api/types'
import { Ago, CommitRef, Num, StateWord, T, capital, plain, short } from '../../components'

/** Column is one of a list of Apps. */
export interface Column {
  id: string
  title: string
  /** The least width in px, and its share of what is left over; 0: it does not grow. */
  min: number
  grow: number
  /** Where the window is too narrow, the column with the lowest rank goes first. */
  rank: number
  /** The orders that the server has for it: the first is what a click brings. */
  sorts?: readonly [string, ...string[]]
  cell: (row: AppRow) => ReactNode
  /** What a tooltip says, where the cell may be cut. */
  tip?: (row: AppRow) => string
  className?: 'state' | 'mono' | 'muted' | 'number'
}

const text = (id: string, title: string, min: number, rank: number, of: (row: AppRow) => string | undefined, more: Partial<Column> = {}): Column => ({ id, title, min, grow: 0.6, rank, cell: (row) => <T>{of(row)}</T>, tip: (row) => plain(of(row)), ...more })

/** what is the sentence of a row: why it is not Synced, else what Git says. */
export function what(row: AppRow): string {
  return row.state === 'Synced' ? (row.commit?.subject ?? '') : capital(row.message || row.reason || '')
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

/** COLUMNS are all but those of labels, in the order in which they are offered. The App itself is always there. */
export const COLUMNS: readonly Column[] = [
  {
    id: 'state',
    title: 'State',
    min: 146,
    grow: 0,
    rank: 100,
    sorts: ['state'],
    className: 'state',
    cell: (row) => (
      <>
        <StateWord state={row.state} />
        <Ago at={row.since} />
      </>
    ),
  },
  text('name', 'App', 160, 101, (row) => row.name, { grow: 1.5, sorts: ['name', '-name'] }),
  text('what', 'What', 160, 90, what, { grow: 2.2 }),
  text('version', 'Version', 84, 80, version, { className: 'mono', tip: (row) => plain(row.images?.join('\n')) }),
  { id: 'commit', title: 'Commit', min: 138, grow: 0.9, rank: 60, cell: (row) => <CommitLine row={row} />, tip: (row) => plain([row.commit?.subject, row.commit?.author].filter(Boolean).join('\n')) },
  text('cluster', 'Cluster', 84, 70, (row) => row.cluster, { sorts: ['cluster'], tip: (row) => plain(row.environment ? `${row.cluster}, ${row.environment}` : row.cluster) }),
  { id: 'deployed', title: 'Deployed', min: 78, grow: 0, rank: 85, sorts: ['deployed'], className: 'muted', cell: (row) => <Ago at={row.deployedAt} /> },
  text('namespace', 'Namespace', 100, 50, (row) => row.namespace),
  text('environment', 'Environment', 96, 49, (row) => row.environment),
  text('component', 'Component', 110, 48, (row) => row.component),
  { id: 'drift', title: 'Drift', min: 76, grow: 0, rank: 47, className: 'number', cell: (row) => (row.drifted ? <b data-state="Drifted">{row.drifted === 1 ? '1 object' : `${row.drifted}`}</b> : '') },
  { id: 'objects', title: 'Objects', min: 62, grow: 0, rank: 46, className: 'number', cell: (row) => <Num n={row.objects} /> },
  text('author', 'Author', 100, 45, (row) => row.commit?.author),
  text('subject', 'Commit message', 150, 44, (row) => row.commit?.subject, { grow: 1.5 }),
  text('images', 'Images', 150, 43, (row) => row.images?.join(', '), { grow: 1.5, className: 'mono' }),
  text('sync', 'Sync', 86, 42, (row) => row.sync, { grow: 0 }),
  text('health', 'Health', 92, 41, (row) => row.health, { grow: 0 }),
  text('reason', 'Reason', 110, 40, (row) => row.reason),
  text('source', 'Source', 150, 39, (row) => row.source, { grow: 1.5 }),
]

/** USUAL are those that are shown where nobody chose. */
export const USUAL = ['state', 'name', 'what', 'version', 'commit', 'cluster', 'deployed']
const MOST = 16

/** columnOf is a column by its id: one of COLUMNS, or label:KEY. */
function columnOf(id: string): Column | undefined {
  if (!id.startsWith('label:') || id.length > 320) return COLUMNS.find((c) => c.id === id)
  const key = id.slice(6)
  return key === '' ? undefined : text(id, key, 96, 38, (row) => row.labels?.[key])
}

/** readColumns are the columns that an address asks for, each once, the App among them; undefined or nonsense: the usual ones. */
export function readColumns(address: string | undefined): Column[] {
  const ids = [...new Set((address ?? '').split(',').map((s) => s.trim()))]
  const chosen = ids.map(columnOf).filter((c) => c !== undefined)
  if (chosen.length === 0) return USUAL.map((id) => columnOf(id)!)
  if (!chosen.some((c) => c.id === 'name')) chosen.splice(chosen[0]!.id === 'state' ? 1 : 0, 0, columnOf('name')!)
  return chosen.slice(0, MOST)
}

/** writeColumns is what stands in the address: nothing for the usual ones. */
export function writeColumns(ids: readonly string[]): string | undefined {
  const all = ids.join(',')
  return all === '' || all === USUAL.join(',') ? undefined : all
}

const GAP = 12
const FRAME = 28 + GAP + 26 // the check box, and the padding of a row

/** fit are the columns that a table of so many px has room for; those of the lowest rank go first. Where all fit, it is the same array. */
export function fit(columns: Column[], width: number): Column[] {
  let left = columns
  const needs = (all: Column[]) => all.reduce((n, c) => n + c.min + GAP, FRAME - GAP)
  while (left.length > 2 && needs(left) > width) {
    const least = left.reduce((a, b) => (b.rank < a.rank ? b : a))
    left = left.filter((c) => c !== least)
  }
  return left
}

/** template is the CSS grid of a row. */
export const template = (columns: readonly Column[]) => ['28px', ...columns.map((c) => (c.grow > 0 ? `minmax(${c.min}px, ${c.grow}fr)` : `${c.min}px`))].join(' ')

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

import type { Change, Deployment } from './types'
import { counted } from './words'

/** What stands on the axis of time. */
export const kinds = [
  { id: 'deployments', label: 'Deployments' },
  { id: 'drift', label: 'Drift' },
  { id: 'pauses', label: 'Pauses and holds' },
] as const
export type KindID = (typeof kinds)[number]['id']

/** Which kinds an address asks for: all where it names none. */
export function kindsOf(said: string | undefined): ReadonlySet<KindID> {
  const named = kinds.filter((k) => (said ?? '').split(',').includes(k.id)).map((k) => k.id)
  return new Set(named.length > 0 ? named : kinds.map((k) => k.id))
}

/** The address after a kind was switched on or off. undefined: all kinds. The last one that is on stays on. */
export function switched(now: ReadonlySet<KindID>, kind: KindID): string | undefined {
  const next = kinds.map((k) => k.id).filter((k) => (k === kind ? !now.has(k) : now.has(k)))
  if (next.length === 0) return [...now].join(',')
  return next.length === kinds.length ? undefined : next.join(',')
}

/** A row of the timeline: a deployment, drift (several in a row are one), a pause, or the quiet time before it (seconds). */
export type Row =
  | { readonly deployment: Deployment }
  | { readonly drift: readonly Change[] }
  | { readonly pause: Change; readonly lasted: number | undefined }
  | { readonly quiet: number }

/** Quiet times of at least this many seconds are shown. */
const worthSaying = 12 * 3600

const pauseWords: Record<string, string> = { suspend: 'Suspended', hold: 'Held', resume: 'Resumed' }

/** Which kind of thing a change is on the axis; undefined: none, something else tells of it. */
export function kindOf(c: Change): KindID | undefined {
  if (c.kind === 'drift' || c.kind === 'healed' || c.kind === 'fight') return 'drift'
  return c.kind === 'request' && c.outcome !== undefined && pauseWords[c.outcome] !== undefined ? 'pauses' : undefined
}

export function pauseWord(c: Change): string {
  return pauseWords[c.outcome ?? ''] ?? ''
}

/** A list as far as it is loaded, newest first. `more`: there are older ones. */
export interface Loaded<T> {
  readonly items: readonly T[]
  readonly more: boolean
}

interface Item { readonly from: number; readonly to: number; readonly row: Exclude<Row, { quiet: number }> }

/**
 * Everything on one axis, newest first, with the quiet times between. Where one list is loaded less far back than the other,
 * the axis ends there: nothing is shown beside something that is missing.
 */
export function rows(deployments: Loaded<Deployment>, changes: Loaded<Change>, shown: ReadonlySet<KindID>): Row[] {
  const end = horizon(deployments, changes, shown)
  const items = itemsOf(deployments.items, changes.items, shown).filter((it) => it.from >= end).sort((a, b) => b.from - a.from)
  const out: Row[] = []
  let newer: Item | undefined
  for (const it of items) {
    const gap = newer === undefined ? 0 : (newer.from - it.to) / 1000
    if (gap >= worthSaying) out.push({ quiet: gap })
    const last = out.at(-1)
    if (last !== undefined && 'drift' in last && 'drift' in it.row) out[out.length - 1] = { drift: [...last.drift, ...it.row.drift] }
    else out.push(it.row)
    newer = it
  }
  return out
}

function itemsOf(deployments: readonly Deployment[], changes: readonly Change[], shown: ReadonlySet<KindID>): Item[] {
  const out: Item[] = []
  if (shown.has('deployments')) for (const d of deployments) out.push({ from: Date.parse(d.started), to: Date.parse(ended(d)), row: { deployment: d } })
  let resumed: number | undefined
  for (const c of changes) {
    const kind = kindOf(c)
    const at = Date.parse(c.at)
    let row: Item['row'] | undefined
    if (kind === 'drift') row = { drift: [c] }
    else if (kind === 'pauses') {
      row = { pause: c, lasted: c.outcome === 'resume' || resumed === undefined ? undefined : (resumed - at) / 1000 }
      // What ends a pause that began before another pause is the same end.
      if (c.outcome === 'resume') resumed = at
    }
    if (row !== undefined && kind !== undefined && shown.has(kind)) out.push({ from: at, to: at, row })
  }
  return out
}

/** The time back to which everything that is shown is known. */
function horizon(deployments: Loaded<Deployment>, changes: Loaded<Change>, shown: ReadonlySet<KindID>): number {
  const d = shown.has('deployments') ? oldest(deployments, (x) => x.started) : -Infinity
  const c = shown.has('drift') || shown.has('pauses') ? oldest(changes, (x) => x.at) : -Infinity
  return Math.max(d, c)
}

function oldest<T>(list: Loaded<T>, at: (t: T) => string): number {
  const last = list.items.at(-1)
  return list.more && last !== undefined ? Date.parse(at(last)) : -Infinity
}

/** Which list has to be read on, so that the axis goes further back; undefined: it is all there. */
export function blocking(deployments: Loaded<Deployment>, changes: Loaded<Change>, shown: ReadonlySet<KindID>): 'deployments' | 'changes' | undefined {
  const d = shown.has('deployments') && deployments.more
  const c = (shown.has('drift') || shown.has('pauses')) && changes.more
  if (d && c) return oldest(deployments, (x) => x.started) >= oldest(changes, (x) => x.at) ? 'deployments' : 'changes'
  return d ? 'deployments' : c ? 'changes' : undefined
}

/** Several drifts in a row, in words. */
export function driftWords(list: readonly Change[]): string {
  const objects = counted(new Set(list.map((c) => c.object)).size, 'object')
  const undone = list.filter((c) => c.kind === 'healed').length
  const words = undone === list.length ? 'changed and undone' : undone === 0 ? 'changed' : `changed, ${undone} undone`
  return `${objects} ${words}`
}

function ended(d: Deployment): string {
  return d.ended && !d.ended.startsWith('0001-') ? d.ended : d.started
}

/** What set it off, in words. */
export function trigger(d: Deployment): string {
  const by = d.actor ? ` by ${d.actor}` : ''
  switch (d.trigger) {
    case 'commit': return d.actor ? `commit, approved${by}` : 'a commit'
    case 'request': return d.actor ? `asked for${by}` : 'asked for'
    case 'rollback': return `rollback${by}`
    case 'hold': return `hold${by}`
    case 'drift': return 'drift, undone'
    default: return `${d.trigger}${by}`
  }
}

/** The state whose shape and colour an outcome has. */
export function outcomeState(outcome: string): string {
  return { Succeeded: 'Synced', Failed: 'Failed', Running: 'Deploying', Superseded: 'Waiting', Cancelled: 'Paused' }[outcome] ?? 'Unknown'
}

/** Choosing a deployment to compare: at most two, the older choice gives way. */
export function choose(chosen: readonly string[], id: string): string[] {
  if (chosen.includes(id)) return chosen.filter((c) => c !== id)
  return [...chosen, id].slice(-2)
}

/** Two deployments as left (older) and right (newer), by their place in the list, newest first. */
export function ordered(list: readonly Deployment[], chosen: readonly string[]): [string, string] | undefined {
  const [a, b] = chosen
  if (a === undefined || b === undefined) return undefined
  const at = (id: string) => list.findIndex((d) => d.id === id)
  return at(a) > at(b) ? [a, b] : [b, a]
}

/** Where one may go back to: what was healthy once, newest first, each bundle once, what runs now left out. */
export function goodOnes(list: readonly Deployment[], now: string | undefined): Deployment[] {
  const seen = new Set<string>(now === undefined ? [] : [now])
  return list.filter((d) => {
    if (d.outcome !== 'Succeeded' || seen.has(d.bundle)) return false
    seen.add(d.bundle)
    return true
  })
}

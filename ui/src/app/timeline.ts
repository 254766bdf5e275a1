import type { Deployment } from './types'

/** A row of the timeline: a deployment, or the quiet time before it (seconds). */
export type Row = { readonly deployment: Deployment } | { readonly quiet: number }

/** Quiet times of at least this many seconds are shown. */
const worthSaying = 12 * 3600

/** Deployments, newest first, with the quiet times between them. */
export function rows(list: readonly Deployment[]): Row[] {
  const out: Row[] = []
  list.forEach((d, i) => {
    const newer = list[i - 1]
    if (newer !== undefined) {
      const gap = (Date.parse(newer.started) - Date.parse(ended(d))) / 1000
      if (gap >= worthSaying) out.push({ quiet: gap })
    }
    out.push({ deployment: d })
  })
  return out
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

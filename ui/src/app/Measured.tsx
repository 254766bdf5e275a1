import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { doraQuery } from '../api/queries'
import type { DORA } from '../api/types'
import { Icon, duration } from '../components'
import css from './timeline.module.css'
import type { App } from './queries'
import { counted } from './words'

/** Measured is the four measures of one App in the last 30 days, as a line above its deployments. */
export function Measured({ app }: { app: App }) {
  const id = `${app.namespace}/${app.name}`
  const q = useQuery(doraQuery({ app: id }))
  if (!q.data || q.data.deployments === 0) return null
  return (
    <p className={css.measured}>
      <span className="muted">In 30 days</span>
      {measures(q.data).map(([number, what]) => <span key={what}><b>{number}</b> <span className="muted">{what}</span></span>)}
      <Link to="/measures" search={{ app: id }}>What they mean <Icon name="right" size={13} /></Link>
    </p>
  )
}

/** measures are the numbers that there are, each with its words. */
export function measures(d: Pick<DORA, 'deployments' | 'failures' | 'failureRate' | 'leadTime' | 'restore' | 'drift'>): [string, string][] {
  const out: [string, string][] = [[counted(d.deployments, 'deployment'), d.failures === 0 ? 'none failed' : `${d.failures} failed (${Math.round(d.failureRate * 100)} %)`]]
  if (d.leadTime.n) out.push([duration(d.leadTime.p50), 'from commit to healthy, median'])
  if (d.restore.n) out.push([duration(d.restore.p50), 'to restore, median'])
  if (d.drift > 0) out.push([String(d.drift), d.drift === 1 ? 'drift' : 'drifts'])
  return out
}

import type { AppRow } from '../api/types'
import { Ago } from './time'
import { T, plain } from './text'
import css from './state.module.css'

/** States of an App, worst first: the order of every list and count. */
export const STATES = ['Failed', 'Degraded', 'Drifted', 'Deploying', 'Waiting', 'Paused', 'Unknown', 'Synced'] as const
export type StateName = (typeof STATES)[number]

/** MEANING says each state in one line, for titles and the help sheet. */
export const MEANING: Record<StateName, string> = {
  Failed: 'this revision will not fix itself',
  Degraded: 'applied, but unhealthy now',
  Drifted: 'live differs from Git on what we own, and is not being corrected',
  Deploying: 'a revision is being rolled out',
  Waiting: 'something has to happen first: an approval, a window, a dependency',
  Paused: 'suspended or held by a person',
  Unknown: 'we cannot tell: no contact',
  Synced: 'Git is what runs, and it is healthy',
}

const healthShape: Record<string, string> = { Healthy: 'Synced', Progressing: 'Deploying', Suspended: 'Paused', OutOfSync: 'Drifted', Missing: 'Missing' }

/** StateGlyph is the shape of a state or a health, 16 px. It is decoration: the word stands beside it or in `label`. */
export function StateGlyph({ state, size = 16, label }: { state: string; size?: number; label?: string }) {
  const shape = healthShape[state] ?? state
  const name = label ? { role: 'img', 'aria-label': label } : { 'aria-hidden': true as const }
  return (
    <svg className={css.glyph} data-state={state} width={size} height={size} viewBox="0 0 16 16" {...name}>
      {drawing(shape)}
    </svg>
  )
}

function drawing(shape: string) {
  switch (shape) {
    case 'Synced':
      return (
        <>
          <circle cx="8" cy="8" r="7" className={css.fill} />
          <path d="m4.8 8.2 2.2 2.2 4.2-4.6" className={css.cutout} />
        </>
      )
    case 'Failed':
      return (
        <>
          <path d="M5.1 1h5.8L15 5.1v5.8L10.9 15H5.1L1 10.9V5.1z" className={css.fill} />
          <path d="m5.5 5.5 5 5m0-5-5 5" className={css.cutout} />
        </>
      )
    case 'Degraded':
      return (
        <>
          <path d="M8 1.2 15.4 14a.8.8 0 0 1-.7 1.2H1.3A.8.8 0 0 1 .6 14z" className={css.fill} />
          <path d="M8 6v4m0 2.1v.3" className={css.cutout} />
        </>
      )
    case 'Drifted':
      return (
        <>
          <rect x="1" y="1" width="14" height="14" rx="2.5" className={css.fill} />
          <path d="M4.4 6.3h7.2M4.4 9.7h7.2M9.8 3.8l-3.6 8.4" className={css.cutout} />
        </>
      )
    case 'Deploying':
      return (
        <>
          <circle cx="8" cy="8" r="6.2" className={css.line} />
          <path d="M8 1.8a6.2 6.2 0 0 1 0 12.4z" className={css.fill} />
        </>
      )
    case 'Waiting':
      return (
        <>
          <circle cx="8" cy="8" r="6.2" className={css.line} />
          <path d="M8 4.4V8l2.6 1.7" className={css.line} />
        </>
      )
    case 'Paused':
      return (
        <>
          <rect x="3" y="2" width="3.6" height="12" rx="1.2" className={css.fill} />
          <rect x="9.4" y="2" width="3.6" height="12" rx="1.2" className={css.fill} />
        </>
      )
    case 'Missing':
      return (
        <>
          <circle cx="8" cy="8" r="6.2" className={css.dashed} />
          <path d="M5 8h6" className={css.line} />
        </>
      )
    default:
      return (
        <>
          <circle cx="8" cy="8" r="6.4" className={css.dashed} />
          <path d="M6.2 6.3a1.9 1.9 0 1 1 2.6 1.8c-.5.2-.8.5-.8 1v.3m0 1.9v.2" className={css.line} />
        </>
      )
  }
}

/** StateWord is a state: shape, word, colour. */
export function StateWord({ state, strong }: { state: string; strong?: boolean }) {
  return (
    <span className={css.word} data-state={state} data-strong={strong || undefined} title={MEANING[state as StateName]}>
      <StateGlyph state={state} />
      {state}
    </span>
  )
}

/** StateBadge is a state on its own soft ground, for headers. */
export function StateBadge({ state }: { state: string }) {
  return (
    <span className={css.badge} data-state={state} title={MEANING[state as StateName]}>
      <StateGlyph state={state} />
      {state}
    </span>
  )
}

/** sentence is an App's state in words, as it stands in titles and live messages; StateSentence is the same, drawn. */
export function sentence(row: Pick<AppRow, 'state' | 'message' | 'commit' | 'reason'>): string {
  const on = row.commit?.sha ? ' ' + row.commit.sha.slice(0, 7) : ''
  if (row.state === 'Synced') return on ? 'Synced on' + on : 'Synced'
  if (row.message) return `${row.state}: ${plain(row.message)}`
  if (row.state === 'Deploying' && on) return 'Deploying' + on
  return row.reason ? `${row.state}: ${row.reason}` : row.state
}

/** StateSentence is the answer before the data: state, since when, why. One line, cut. */
export function StateSentence({ row }: { row: Pick<AppRow, 'state' | 'message' | 'commit' | 'reason' | 'since'> }) {
  const why = row.state === 'Synced' ? '' : row.message || row.reason || ''
  return (
    <span className={css.sentence} title={sentence(row)}>
      <StateWord state={row.state} />
      <span className="muted">
        <Ago at={row.since} />
      </span>
      {why && (
        <span className={css.why}>
          <T>{why}</T>
        </span>
      )}
    </span>
  )
}

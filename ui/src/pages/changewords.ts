import type { Change } from '../api/types'

/** How each kind of change is shown; its state gives the colour. */
const KINDS: Record<string, { word: string; icon: string; state: string }> = {
  deployment: { word: 'Deployed', icon: 'play', state: 'Synced' },
  failure: { word: 'Failed', icon: 'x', state: 'Failed' },
  drift: { word: 'Drift', icon: 'alert', state: 'Drifted' },
  healed: { word: 'Healed', icon: 'check', state: 'Synced' },
  fight: { word: 'Fight', icon: 'sync', state: 'Degraded' },
  rollback: { word: 'Rolled back', icon: 'back', state: 'Waiting' },
  health: { word: 'Health', icon: 'measures', state: 'Degraded' },
  request: { word: 'Request', icon: 'user', state: 'Paused' },
  revision: { word: 'Revision', icon: 'repositories', state: 'Unknown' },
}

/** faceOf is how a change is shown. A deployment that did not succeed is not called deployed. */
export function faceOf(c: Pick<Change, 'kind' | 'outcome'>): { word: string; icon: string; state: string } {
  if (c.kind === 'deployment' && c.outcome === 'Failed') return KINDS.failure!
  if (c.kind === 'deployment' && (c.outcome === 'Superseded' || c.outcome === 'Cancelled')) return { word: c.outcome, icon: 'stop', state: 'Unknown' }
  return KINDS[c.kind] ?? { word: c.kind, icon: 'info', state: 'Unknown' }
}

/** sentenceOf says what the face and the fields do not. */
export function sentenceOf(c: Pick<Change, 'kind' | 'outcome' | 'message' | 'object' | 'fields'>): string {
  const drifted = c.object !== undefined && (c.fields?.length ?? 0) > 0 && (c.kind === 'drift' || c.kind === 'healed')
  const outcome = c.outcome === faceOf(c).word || c.outcome === 'Succeeded' ? '' : c.outcome
  return [outcome, drifted ? '' : c.message].filter(Boolean).join(': ')
}

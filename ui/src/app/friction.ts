import type { Plan, PlanStep } from './types'
import { parseID } from './words'

/** How much a person must do before a plan is carried out. The server says so; what it says wrongly is read as the strictest. */
export type Friction = 'none' | 'list' | 'type'

export function frictionOf(p: Pick<Plan, 'friction'>): Friction {
  return p.friction === 'none' || p.friction === 'list' ? p.friction : 'type'
}

/** What stands between a plan and its start; empty: it may be started. In words, for the button's description. */
export function hindrance(p: Plan, app: string, typed: string): string {
  if (isUnplanned(p)) return 'There is no plan to carry out.'
  if (p.errors !== undefined && p.errors.length > 0) return 'The API server refuses a part of this plan.'
  if (p.empty) return 'There is nothing to do.'
  if (frictionOf(p) === 'type' && typed !== app) return `Type ${app} to confirm.`
  return ''
}

/** The group that a step is shown in. The words are the reader's. */
export type Kind = 'delete' | 'replace' | 'create' | 'update' | 'hook' | 'keep'

const kinds: Record<string, Kind> = {
  create: 'create', update: 'update', apply: 'update', adopt: 'update', delete: 'delete', prune: 'delete',
  replace: 'replace', recreate: 'replace', hook: 'hook', keep: 'keep', orphan: 'keep',
}

/** An action that is new here counts as an update. */
export function kindOf(action: string): Kind {
  return kinds[action.toLowerCase()] ?? 'update'
}

export interface Wave {
  readonly phase: string
  readonly wave: number
  readonly steps: PlanStep[]
}

/** Steps by phase and wave, in the order in which they are done. */
export function waves(steps: readonly PlanStep[]): Wave[] {
  const out: Wave[] = []
  for (const s of steps) {
    const last = out.at(-1)
    if (last !== undefined && last.phase === s.phase && last.wave === s.wave) last.steps.push(s)
    else out.push({ phase: s.phase, wave: s.wave, steps: [s] })
  }
  return out
}

/** The steps that cannot be undone by going back: what is deleted takes its data along. */
export function losses(steps: readonly PlanStep[]): PlanStep[] {
  const holdsData = new Set(['PersistentVolumeClaim', 'PersistentVolume', 'Namespace', 'CustomResourceDefinition', 'StatefulSet'])
  return steps.filter((s) => (kindOf(s.action) === 'delete' || kindOf(s.action) === 'replace') && holdsData.has(parseID(s.object).kind))
}

export interface PlanChange {
  readonly sign: '+' | '−' | '~'
  readonly object: string
  readonly text: string
}

/** What differs between a plan that was read and the one that replaced it. Empty: the steps are the same. */
export function changesBetween(before: Plan, after: Plan): PlanChange[] {
  const old = new Map(before.steps.map((s) => [s.object, s]))
  const now = new Map(after.steps.map((s) => [s.object, s]))
  const out: PlanChange[] = []
  for (const [object, s] of now) {
    const was = old.get(object)
    if (was === undefined) out.push({ sign: '+', object, text: `${s.action}: ${s.reason ?? 'new in the plan'}` })
    else if (was.action !== s.action) out.push({ sign: '~', object, text: `${was.action} became ${s.action}` })
    else if (was.reason !== s.reason) out.push({ sign: '~', object, text: s.reason ?? 'changed' })
  }
  for (const [object, s] of old) {
    if (!now.has(object)) out.push({ sign: '−', object, text: `${s.action} is no longer needed` })
  }
  return out
}

/** Whether there is no plan at all: what Git says could not be rendered, so nothing was asked of the API server. */
export function isUnplanned(p: Pick<Plan, 'steps' | 'errors'>): boolean {
  return p.steps.length === 0 && (p.errors?.length ?? 0) > 0
}

/** "2 to create, 1 to delete": what a plan does, most dangerous first. */
export function summary(p: Plan): string {
  const c = p.counts
  const parts = [
    [c.delete, 'to delete'], [c.replace, 'to replace'], [c.create, 'to create'], [c.update, 'to change'], [c.hooks, c.hooks === 1 ? 'hook to run' : 'hooks to run'],
  ] as const
  const said = parts.filter(([n]) => n > 0).map(([n, text]) => `${n} ${text}`)
  return said.length === 0 ? 'Nothing to do' : said.join(', ')
}

import { describe, expect, it } from 'vitest'

import { changesBetween, frictionOf, hindrance, isUnplanned, kindOf, losses, summary, waves } from './friction'
import type { Plan, PlanStep } from './types'

const step = (action: string, object: string, more: Partial<PlanStep> = {}): PlanStep => ({ action, object, phase: 'Main', wave: 0, ...more })
const plan = (steps: PlanStep[], more: Partial<Plan> = {}): Plan => ({
  digest: 'sha256:1', at: '2026-11-21T10:00:00Z', empty: steps.length === 0, steps, friction: 'none',
  counts: { create: 0, update: 0, delete: 0, replace: 0, hooks: 0 }, ...more,
})

describe('what stands between a plan and its start', () => {
  const some = [step('update', 'Deployment.apps/shop/web')]
  it.each<[string, Plan, string, string]>([
    ['nothing, when nothing is deleted', plan(some), '', ''],
    ['nothing more than the list, when stateless kinds are deleted', plan(some, { friction: 'list' }), '', ''],
    ['the name, when data is deleted', plan(some, { friction: 'type' }), '', 'Type shop to confirm.'],
    ['the name, exactly', plan(some, { friction: 'type' }), 'shop ', 'Type shop to confirm.'],
    ['nothing, once the name is typed', plan(some, { friction: 'type' }), 'shop', ''],
    ['the name, for a word that is new here', plan(some, { friction: 'quorum' }), '', 'Type shop to confirm.'],
    ['an empty plan', plan([]), 'shop', 'There is nothing to do.'],
    ['an error, whatever is typed', plan(some, { friction: 'type', errors: [{ status: 422, reason: 'Invalid', message: 'no' }] }), 'shop', 'The API server refuses a part of this plan.'],
  ])('is %s', (_, p, typed, want) => {
    expect(hindrance(p, 'shop', typed)).toBe(want)
  })
})

it('reads a friction that it does not know as the strictest', () => {
  expect(frictionOf({ friction: '' })).toBe('type')
})

it('groups steps by phase and wave and keeps their order', () => {
  const steps = [
    step('create', 'Namespace/shop', { phase: 'Foundation' }), step('create', 'ConfigMap/shop/a', { wave: -1 }),
    step('create', 'Deployment.apps/shop/a', { wave: 1 }), step('create', 'Deployment.apps/shop/b', { wave: 1 }),
    step('delete', 'ConfigMap/shop/old', { phase: 'Pruning' }),
  ]
  expect(waves(steps).map((w) => [w.phase, w.wave, w.steps.length])).toEqual([['Foundation', 0, 1], ['Main', -1, 1], ['Main', 1, 2], ['Pruning', 0, 1]])
})

it('names the deletions that take data along', () => {
  const steps = [
    step('delete', 'PersistentVolumeClaim/shop/data'), step('delete', 'ConfigMap/shop/old'), step('replace', 'StatefulSet.apps/shop/db'),
    step('update', 'Namespace/shop'),
  ]
  expect(losses(steps).map((s) => s.object)).toEqual(['PersistentVolumeClaim/shop/data', 'StatefulSet.apps/shop/db'])
})

describe('what changed between two plans', () => {
  it('is nothing for equal steps in another order', () => {
    const a = step('create', 'ConfigMap/shop/a')
    const b = step('update', 'ConfigMap/shop/b')
    expect(changesBetween(plan([a, b]), plan([b, a], { digest: 'sha256:2' }))).toEqual([])
  })

  it('is what came, what went and what became something else', () => {
    const before = plan([step('create', 'ConfigMap/shop/a'), step('update', 'ConfigMap/shop/b'), step('update', 'ConfigMap/shop/c')])
    const after = plan([step('delete', 'ConfigMap/shop/b'), step('update', 'ConfigMap/shop/c'), step('create', 'ConfigMap/shop/d', { reason: 'new' })])
    expect(changesBetween(before, after)).toEqual([
      { sign: '~', object: 'ConfigMap/shop/b', text: 'update became delete' },
      { sign: '+', object: 'ConfigMap/shop/d', text: 'create: new' },
      { sign: '−', object: 'ConfigMap/shop/a', text: 'create is no longer needed' },
    ])
  })
})

it.each([
  [{ create: 2, update: 0, delete: 1, replace: 0, hooks: 0 }, '1 to delete, 2 to create'],
  [{ create: 0, update: 0, delete: 0, replace: 0, hooks: 1 }, '1 hook to run'],
  [{ create: 0, update: 0, delete: 0, replace: 0, hooks: 0 }, 'Nothing to do'],
])('says %j as %j', (counts, want) => {
  expect(summary(plan([], { counts }))).toBe(want)
})

it.each([['Prune', 'delete'], ['Recreate', 'replace'], ['Adopt', 'update'], ['Orphan', 'keep'], ['Surprise', 'update']])('shows %s as %s', (action, want) => {
  expect(kindOf(action)).toBe(want)
})

it('there is no plan where nothing could be rendered, and it is not the API server that says so', () => {
  const p = plan([], { errors: [{ status: 422, reason: 'SyntaxInvalid', message: 'invalid YAML' }] })
  expect([isUnplanned(p), hindrance(p, 'web', '')]).toEqual([true, 'There is no plan to carry out.'])
})

import { describe, expect, it } from 'vitest'

import type { AppView, Diff, Why } from './types'
import { type ChainStep, causes, chain, culprit, findChild, stepKeys } from './whychain'

const id = { group: 'apps', kind: 'Deployment', namespace: 'shop', name: 'web' }
const base: Why = {
  app: { namespace: 'team', name: 'shop' }, state: 'Synced', reason: 'Synced', message: '4 objects, all healthy',
  commit: { sha: '9f2c1ab'.padEnd(40, '0'), subject: 'bump to 2.14.1', author: 'Ana Ruiz', when: '2026-11-21T10:00:00Z' },
  render: { renderer: 'kustomize', objects: 23, took: 118e6, bundle: 'sha256:1' },
  attempt: { id: 'a1', mode: 'Sync', bundle: 'sha256:1', started: '2026-11-21T10:00:01Z', ended: '2026-11-21T10:00:09Z', outcome: 'Succeeded' },
  apply: { action: 'Apply', object: id, why: 'changed in Git' }, appliedAt: '2026-11-21T10:00:02Z',
  object: { id, apiVersion: 'apps/v1', uid: 'u', health: { level: 'Healthy' }, inSync: true, wave: 0, file: 'apps/web.yaml:14' },
}
const by = (steps: ChainStep[]) => Object.fromEntries(steps.map((s) => [s.key, s]))
const diff = (counts: Record<string, number>, owner = ''): Diff => ({
  left: 'git', right: 'live', at: '', compared: 1,
  objects: [{ object: 'x', action: 'changed', counts, fields: Object.keys(counts).map((c) => ({ path: '.a', class: c, owner })) }],
})

describe('the chain of causes', () => {
  it('has every step, in order, whatever is known', () => {
    expect(chain({ why: { app: base.app, state: 'Unknown', reason: 'Initializing', message: '' } }).map((s) => s.key)).toEqual([...stepKeys])
  })

  it('is ok from end to end for a healthy object', () => {
    const steps = chain({ why: base, diff: diff({ defaulted: 14 }) })
    expect(steps.map((s) => s.status)).toEqual(Array(8).fill('ok'))
    expect(culprit(steps)).toBeUndefined()
    expect(by(steps).render!.text).toBe('kustomize, 23 objects, 118 ms')
    expect(by(steps).admission!.text).toBe('Stored as it was sent. 14 fields filled in by the API server.')
  })

  it('blames the render, and says that nothing after it was reached', () => {
    const why: Why = { ...base, state: 'Failed', render: { ...base.render!, error: 'apps/web.yaml:14: did not find expected key' }, apply: undefined, object: undefined }
    const steps = chain({ why })
    expect(culprit(steps)!.key).toBe('render')
    expect(by(steps).apply!.status).toBe('off')
    expect(by(steps).health!.status).toBe('off')
    const shown = by(chain({ why: { ...why, excerpt: { file: 'apps/web.yaml', line: 14, from: 10, lines: ['a'] } } }))
    expect(shown.file).toMatchObject({ status: 'bad', file: 'apps/web.yaml:14' })
    expect(shown.render!.excerpt?.line).toBe(14)
  })

  it('blames health, and names the Pod and its event', () => {
    const why: Why = {
      ...base, state: 'Degraded', attempt: { ...base.attempt!, outcome: 'Failed' }, apply: undefined,
      object: {
        ...base.object!, health: { level: 'Degraded', reason: 'ProgressDeadlineExceeded', message: 'has timed out' },
        children: [{ id: { kind: 'ReplicaSet', name: 'web-7c9' }, health: { level: 'Degraded' }, children: [{
          id: { kind: 'Pod', name: 'web-7c9-x2k' }, health: { level: 'Degraded', reason: 'ImagePullBackOff' },
          events: [{ type: 'Normal', reason: 'Pulling', message: '', last: '' }, { type: 'Warning', reason: 'Failed', message: 'not found', last: '' }],
        }] }],
      },
    }
    const steps = chain({ why })
    expect(culprit(steps)!.key).toBe('health')
    expect(by(steps).health!.lines).toEqual(['Pod web-7c9-x2k: image pull back off ← Failed: not found'])
    expect(by(steps).apply!.text).toBe('Applied; it did not become healthy.')
  })

  it('blames live when somebody changed what Git owns, and names the manager', () => {
    const steps = chain({ why: { ...base, object: { ...base.object!, inSync: false } }, diff: diff({ drift: 2 }, 'kubectl-edit') })
    expect(culprit(steps)).toMatchObject({ key: 'live', text: '2 fields differ from what was applied, by kubectl-edit.' })
  })

  it('does not blame admission for what a webhook did, but says so', () => {
    const steps = chain({ why: base, diff: diff({ mutated: 3 }, 'istio') })
    expect(by(steps).admission).toMatchObject({ status: 'ok', text: '3 fields changed on the way in by istio.' })
  })

  it('blames the apply that the API server refused', () => {
    const steps = chain({ why: { ...base, apply: { ...base.apply!, error: 'spec.selector: field is immutable' } } })
    expect(culprit(steps)).toMatchObject({ key: 'apply', text: 'spec.selector: field is immutable' })
  })

  it('waits at the gate', () => {
    const app = { state: 'Waiting', message: 'waits for approval of the plan', since: '2026-11-21T10:00:00Z' } as AppView
    expect(culprit(chain({ why: base, app }))).toMatchObject({ key: 'gate', status: 'wait' })
  })

  it('says of a missing object that was applied that it is not there', () => {
    const steps = chain({ why: { ...base, object: { ...base.object!, missing: true, health: { level: 'Missing' } } } })
    expect(culprit(steps)!.key).toBe('live')
  })
})

describe('the chain of something that a controller made', () => {
  const pod = { kind: 'Pod', namespace: 'shop', name: 'web-7c9-x2k' }
  const object = {
    ...base.object!, health: { level: 'Progressing' },
    children: [{ id: { group: 'apps', kind: 'ReplicaSet', namespace: 'shop', name: 'web-7c9' }, health: { level: 'Progressing' }, children: [{ id: pod, health: { level: 'Degraded', reason: 'ImagePullBackOff' } }] }],
  }
  it('is its owner’s, with its own health, and says what made it', () => {
    const child = findChild(object, 'Pod/shop/web-7c9-x2k')
    expect(child?.by).toBe('ReplicaSet.apps/shop/web-7c9')
    const steps = by(chain({ why: { ...base, object }, child }))
    expect(steps.live!.text).toBe('Made by ReplicaSet web-7c9. Git says nothing about it itself.')
    expect(steps.health).toMatchObject({ status: 'bad', text: 'Degraded · image pull back off' })
    expect(steps.file!.file).toBe('apps/web.yaml:14')
  })
  it('makes a rollout that waits for a Pod which cannot start a cause, not a wait', () => {
    expect(culprit(chain({ why: { ...base, object } }))).toMatchObject({ key: 'health', status: 'bad', lines: ['Pod web-7c9-x2k: image pull back off'] })
  })
  it('is not found where it does not stem from the object', () => {
    expect(findChild(object, 'Pod/shop/other')).toBeUndefined()
  })
})

it('names at most four children, the deepest ones', () => {
  const pod = (n: number) => ({ id: { kind: 'Pod', name: `p${n}` }, health: { level: 'Degraded', message: 'm' } })
  expect(causes([{ id: { kind: 'ReplicaSet', name: 'r' }, health: { level: 'Degraded' }, children: [1, 2, 3, 4, 5, 6].map(pod) }])).toHaveLength(4)
})

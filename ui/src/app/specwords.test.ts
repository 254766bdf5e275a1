import { describe, expect, it } from 'vitest'

import { specWords } from './specwords'

const said = (spec: Record<string, unknown>) => Object.fromEntries(specWords(spec).map((f) => [f.title, f.lines]))

describe('a spec in words', () => {
  it('says what runs where, and how', () => {
    const s = said({
      source: { repository: 'deploy', path: 'apps/shop', revision: 'main' }, destination: { cluster: 'prod-eu', namespace: 'shop' },
      sync: { mode: 'Approve', prune: true, pruneLimit: '50%', heal: false, deadline: '15m' }, rollbackOnFailure: true,
    })
    expect(s.Source).toEqual(['deploy, apps/shop, at main'])
    expect(s['Goes to']).toEqual(['cluster prod-eu, namespace shop'])
    expect(s.How).toEqual([
      'Each plan waits until somebody approves exactly that plan.', 'What is no longer in Git is deleted; more than 50% of the objects at once wait for approval.',
      'Changes by others are reported, not undone.', 'At most: an attempt 15m.', 'A revision that is not healthy by its deadline is rolled back.',
    ])
  })

  it('names what it waits for, its rules and its hold', () => {
    const s = said({
      sources: [{ name: 'app', url: 'https://x/y', path: 'a' }, { name: 'values', url: 'https://x/v', valuesOnly: true }],
      dependsOn: [{ app: { name: 'ledger', namespace: 'team' } }, { object: { kind: 'Job', name: 'migrate' } }],
      ignore: [{ kind: 'Deployment', paths: ['.spec.replicas'] }, { pointers: ['/a'], managers: ['hpa'] }], health: [{ kind: 'Rollout', cel: { healthy: 'x == y' } }, { kind: 'Job', lua: 'return 1' }],
      hold: { revision: '3b81d07', owner: 'ana', reason: 'incident 512' }, suspend: true,
    })
    expect(s.Sources).toEqual(['app: https://x/y, a', 'values: https://x/v (values for other sources)'])
    expect(s['Waits for']).toEqual(['App team/ledger to be Synced', 'Job migrate to be healthy'])
    expect(s['Fields left to others']).toEqual(['Deployment: .spec.replicas', 'any object: /a, of hpa'])
    expect(s['Health rules of its own']).toEqual(['Rollout, healthy when x == y', 'Job, by a script'])
    expect(s.Held).toEqual(['on 3b81d07 by ana: incident 512'])
    expect(s.Stopped).toHaveLength(1)
  })

  it.each([[{}], [{ source: null, dependsOn: 'x', health: [1], ignore: [null], hold: [], sync: 7, destination: [] }]])('takes whatever it is given: %j', (spec) => {
    expect(() => specWords(spec)).not.toThrow()
  })
})

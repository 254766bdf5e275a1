import { describe, expect, it } from 'vitest'
import type { AppRow, Matrix, Plan } from '../api/types'
import { parseSearch, writeSearch } from '../search'
import { environments, once, usual } from './apps/AppsMatrix'
import { blamed } from './apps/NoMatch'
import { easy, limit } from './apps/BulkPlan'
import { cellSizes, corner, height, place, problemsIn, tally } from './overview/cells'
import { headline } from './overview/Overview'
import { value } from './Changes'
import { faceOf, sentenceOf } from './changewords'

const row = (more: Partial<AppRow>): AppRow => ({ namespace: 'shop', name: 'web', cluster: 'c', state: 'Synced', since: '', sync: 'Synced', health: 'Healthy', objects: 1, ...more })

describe('the headline', () => {
  it('says that all is well', () => expect(headline({ total: 3, counts: { Synced: 3 } })).toBe('All 3 Apps run what Git says, and are healthy.'))
  it('names what is worst first', () => expect(headline({ total: 1214, counts: { Synced: 1200, Failed: 12, Drifted: 2 } })).toBe('12 Apps failed, 2 drifted. 1,200 of 1,214 are synced.'))
  it('knows one App', () => expect(headline({ total: 2, counts: { Synced: 1, Failed: 1 } })).toBe('1 App failed. 1 of 2 are synced.'))
  it('does not cry about what goes on', () => expect(headline({ total: 3, counts: { Synced: 1, Deploying: 2 } })).toBe('Nothing failed. 2 deploying, 1 of 3 Apps synced.'))
})

describe('the wall', () => {
  it('counts worst first', () => expect(tally('SSFGS')).toEqual([['Failed', 1], ['Degraded', 1], ['Synced', 3]]))
  it('has cells of 6 px or more, and problems that are larger', () => expect([1, 500, 2000, 10_000, 100_000].map((n) => cellSizes(n, false)).every((c) => c.synced >= 6 && c.problem >= 15)).toBe(true))
  it('finds each cell where it is drawn', () => {
    for (const sizes of [{ problem: 10, synced: 10 }, { problem: 15, synced: 7 }])
      for (const [n, p] of [[25, 3], [200, 17], [5, 5], [9, 0]] as const)
        for (let i = 0; i < n; i++) {
          const c = corner(i, p, 105, sizes)
          expect(place(c.x + 1, c.y + 1, n, p, 105, sizes)).toBe(i)
          expect(c.x + c.size).toBeLessThanOrEqual(105)
          expect(c.y + c.size).toBeLessThanOrEqual(height(n, p, 105, sizes))
        }
  })
  it('has nothing beside the cells', () => {
    const sizes = { problem: 10, synced: 10 }
    expect([place(55, 21, 25, 0, 105, sizes), place(104, 0, 25, 0, 105, sizes), place(-1, 0, 25, 0, 105, sizes), place(1, -1, 25, 0, 105, sizes)]).toEqual([-1, -1, -1, -1])
  })
  it('knows how many are not well', () => expect([problemsIn('FGSS'), problemsIn('SS'), problemsIn('FF'), problemsIn('')]).toEqual([2, 0, 2, 0]))
})

describe('the matrix', () => {
  const count = (value: string) => ({ value, count: 1 })
  it('puts what comes first in a delivery left, and what has no environment last', () => {
    expect(environments(['prod', 'dev', '', 'staging', 'emea'].map(count)).columns).toEqual(['dev', 'staging', 'prod', 'emea', ''])
  })
  it('shows the environments with the most Apps, and says which are left out', () => {
    const { columns, left } = environments(Array.from({ length: 14 }, (_, i) => count(`e${i}`)))
    expect([columns.length, left]).toEqual([12, ['e12', 'e13']])
  })
  it('has each component once, although one may come twice', () => {
    const page = (...names: string[]) => ({ items: names.map((component) => ({ component, apps: 1, cells: [] })) }) as unknown as Matrix
    expect(once([page('a', 'b'), page('b', 'c')]).map((r) => r.component)).toEqual(['a', 'b', 'c'])
  })
  it('knows the version that most run', () => {
    const cell = (environment: string, ...images: string[]) => ({ environment, count: images.length, apps: images.map((i) => row({ images: [i] })) })
    expect(usual({ cells: [cell('dev', 'a:2'), cell('prod', 'a:1', 'a:1')] })).toBe('1')
  })
})

describe('a plan over many Apps', () => {
  const plan = (more: Partial<Plan>): Plan => ({ digest: 'd', at: '', empty: false, steps: [], counts: { create: 1, update: 0, delete: 0, replace: 0, hooks: 0 }, friction: 'none', ...more })
  it('takes what needs a click', () => expect(easy(plan({}))).toBe(true))
  it('leaves out what needs a typed name, what cannot be applied, and what is empty', () => expect([easy(plan({ friction: 'type' })), easy(plan({ errors: [{ status: 0, reason: 'r', message: 'm' }] })), easy(plan({ empty: true }))]).toEqual([false, false, false]))
  it('asks for a few at once', async () => {
    let now = 0
    let most = 0
    const run = limit(3)
    await Promise.all(
      Array.from({ length: 20 }, () =>
        run(async () => {
          most = Math.max(most, ++now)
          await Promise.resolve()
          now--
        }),
      ),
    )
    expect([most, now]).toEqual([3, 0])
  })
})

describe('addresses', () => {
  it('are readable', () => expect(writeSearch({ filter: 'state:failed,drifted cluster:prod-*', view: 'matrix', sort: undefined })).toBe('?filter=state:failed,drifted+cluster:prod-*&view=matrix'))
  it('keep every text', () => {
    for (const filter of ['a&b=c', '"x y" team=payments', '+1', '100%', 'é✖', 'a#b?c']) expect(parseSearch(writeSearch({ filter }))).toEqual({ filter })
  })
})

describe('a value in a change', () => {
  it('is said in a few words', () => expect([value(undefined), value(4), value({ a: 1 }), value('x'.repeat(200)).length]).toEqual(['nothing', '4', '{"a":1}', 80]))
})

describe('an empty list names what can be removed', () => {
  it('a term of the filter', () => expect(blamed({ term: 'cluster:x', without: 3 }, 'web cluster:X', {})).toEqual({ term: 'cluster:x' }))
  it('the part of the scope, which nobody typed as a term', () => expect(blamed({ term: 'namespace:shop', without: 3 }, 'web', { namespace: 'shop' })).toEqual({ part: 'namespace' }))
  it('the term, where it stands in both', () => expect(blamed({ term: 'namespace:shop', without: 3 }, 'namespace:shop', { namespace: 'shop' })).toEqual({ term: 'namespace:shop' }))
})

describe('a change', () => {
  const faces: [string, string | undefined, string][] = [['deployment', 'Succeeded', 'Deployed'], ['deployment', 'Failed', 'Failed'], ['deployment', 'Superseded', 'Superseded'], ['failure', 'Failed', 'Failed'], ['healed', undefined, 'Healed'], ['later', undefined, 'later']]
  for (const [kind, outcome, want] of faces) it(`of kind ${kind}, ${outcome ?? 'without an outcome'}, is called ${want}`, () => expect(faceOf({ kind, outcome }).word).toBe(want))
  it('says why it failed, once', () => expect(sentenceOf({ kind: 'deployment', outcome: 'Failed', message: 'not healthy' })).toBe('not healthy'))
  it('does not say in words what its fields show', () => expect(sentenceOf({ kind: 'drift', object: 'Deployment.apps/x', message: 'x: .spec.replicas 4 → 6', fields: [{ path: '.spec.replicas', class: 'drift' }] })).toBe(''))
  it('says in words what has no fields', () => expect(sentenceOf({ kind: 'drift', object: 'Deployment.apps/x', message: 'x is gone' })).toBe('x is gone'))
})

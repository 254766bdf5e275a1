import { describe, expect, it } from 'vitest'
import type { AppRow, Plan } from '../api/types'
import { parseSearch, writeSearch } from '../search'
import { components, environments, usual } from './apps/AppsMatrix'
import { version } from './apps/AppsList'
import { easy, limit } from './apps/BulkPlan'
import { cellSizes, corner, height, place, problemsIn, tally } from './overview/cells'
import { headline } from './overview/Overview'
import { value } from './Changes'

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
  it('puts what comes first in a delivery left, and what has no environment last', () => {
    const rows = ['prod', 'dev', undefined, 'staging', 'emea'].map((environment) => row({ environment }))
    expect(environments(rows, undefined)).toEqual(['dev', 'staging', 'prod', 'emea', '–'])
  })
  it('has a row for each component', () => {
    const lines = components([row({ name: 'web-dev', component: 'web', environment: 'dev' }), row({ name: 'web-prod', component: 'web', environment: 'prod' }), row({ name: 'api', environment: 'dev' })])
    expect(lines.map((l) => [l.name, [...l.cells.keys()]])).toEqual([['api', ['dev']], ['web', ['dev', 'prod']]])
  })
  it('knows the version that most run', () => expect(usual(new Map([['dev', [row({ images: ['a:2'] })]], ['prod', [row({ images: ['a:1'] }), row({ images: ['a:1'] })]]]))).toBe('1'))
  const versions: [string[] | undefined, string][] = [[['web:2.14.1'], '2.14.1'], [['shop/web@sha256:abcdef0123'], 'abcdef0'], [['host:5000/web'], 'host:5000/web'], [undefined, '1234567']]
  for (const [images, want] of versions) it(`calls ${String(images)} ${want}`, () => expect(version(row({ images, commit: { sha: '1234567890' } }))).toBe(want))
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

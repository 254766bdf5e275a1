import { describe, expect, it } from 'vitest'

import { choose, goodOnes, ordered, rows, trigger } from './timeline'
import type { Deployment } from './types'

const at = (h: number) => new Date(Date.UTC(2026, 10, 21) - h * 3600_000).toISOString()
const d = (id: string, hours: number, more: Partial<Deployment> = {}): Deployment => ({
  id, app: 'team/shop', started: at(hours), ended: at(hours), outcome: 'Succeeded', mode: 'Sync', trigger: 'commit', bundle: `b-${id}`, ...more,
})

describe('the timeline', () => {
  it('says how long it was quiet, when it was long', () => {
    expect(rows([d('c', 1), d('b', 3), d('a', 51)]).map((r) => ('quiet' in r ? r.quiet / 3600 : r.deployment.id))).toEqual(['c', 'b', 48, 'a'])
  })

  it('takes a running deployment, whose end is not known, by its start', () => {
    expect(rows([d('b', 0), d('a', 1, { ended: '0001-01-01T00:00:00Z' })])).toHaveLength(2)
  })

  it('offers each healthy bundle once, and not the one that runs', () => {
    const list = [d('e', 1, { bundle: 'now' }), d('d', 2, { outcome: 'Failed' }), d('c', 3, { bundle: 'x' }), d('b', 4, { bundle: 'x' }), d('a', 5, { bundle: 'y' })]
    expect(goodOnes(list, 'now').map((x) => x.id)).toEqual(['c', 'a'])
  })
})

describe('choosing two', () => {
  it('lets the older choice give way, and takes a choice back', () => {
    expect(choose(['a', 'b'], 'c')).toEqual(['b', 'c'])
    expect(choose(['a', 'b'], 'a')).toEqual(['b'])
  })

  it('compares from the older to the newer, whatever was chosen first', () => {
    const list = [d('new', 1), d('old', 2)]
    expect(ordered(list, ['new', 'old'])).toEqual(['old', 'new'])
    expect(ordered(list, ['old', 'new'])).toEqual(['old', 'new'])
    expect(ordered(list, ['old'])).toBeUndefined()
  })
})

it.each([
  [{}, 'a commit'], [{ actor: 'ana' }, 'commit, approved by ana'], [{ trigger: 'request', actor: 'ana' }, 'asked for by ana'], [{ trigger: 'drift' }, 'drift, undone'], [{ trigger: 'moon' }, 'moon'],
])('says %j as %j', (more, want) => {
  expect(trigger(d('a', 1, more))).toBe(want)
})

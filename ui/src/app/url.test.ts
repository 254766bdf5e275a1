import { describe, expect, it } from 'vitest'

import { addressOf, placeOf } from './url'

const at = (splat: string | undefined, search: Record<string, string> = {}) => placeOf('team', 'shop', splat, search)

describe('the address of a place', () => {
  it.each([
    ['the graph', at(undefined), { tab: 'graph', object: '', objectTab: 'why' }],
    ['a tab', at(undefined, { tab: 'diff' }), { tab: 'diff', object: '' }],
    ['a tab that there is not', at(undefined, { tab: '<script>' }), { tab: 'graph' }],
    ['an object', at('o/Deployment.apps/shop/web'), { tab: 'graph', object: 'Deployment.apps/shop/web', objectTab: 'why' }],
    ['an object over a tab', at('o/Pod/shop/web-1', { tab: 'logs', on: 'events' }), { tab: 'events', object: 'Pod/shop/web-1', objectTab: 'logs' }],
    ['something else below the App', at('x/y'), { object: '' }],
  ])('is read: %s', (_, got, want) => {
    expect(got).toMatchObject(want)
  })

  it('is written as it is read', () => {
    for (const to of [{ tab: 'timeline' }, { object: 'Deployment.apps/shop/web' }, { object: 'app', objectTab: 'why', tab: 'list' }, { object: 'Pod/shop/a', objectTab: 'blame' }] as const) {
      const a = addressOf(at(undefined), to)
      const splat = a.path.slice('/a/team/shop/'.length)
      expect(at(splat || undefined, a.search as Record<string, string>)).toMatchObject(to)
    }
  })

  it('keeps what belongs to the page, and leaves behind what belonged to the tab', () => {
    const from = at(undefined, { tab: 'diff', left: 'git', open: 'fold:x', q: 'web' })
    expect(addressOf(from, { tab: 'events' })).toEqual({ path: '/a/team/shop', search: { tab: 'events', open: 'fold:x' } })
    expect(addressOf(from, { search: { right: 'live' } }).search).toEqual({ tab: 'diff', left: 'git', right: 'live', open: 'fold:x', q: 'web' })
    expect(addressOf(from, { search: { left: undefined } }).search).not.toHaveProperty('left')
  })

  it('opens another object at its cause, and keeps the part for the same object', () => {
    const from = at('o/Pod/shop/a', { tab: 'logs' })
    expect(addressOf(from, { object: 'Pod/shop/b' }).search).toEqual({})
    expect(addressOf(from, { search: { q: 'x' } }).search).toEqual({ tab: 'logs', q: 'x' })
    expect(addressOf(from, { object: '' })).toEqual({ path: '/a/team/shop', search: {} })
  })

  it('encodes names', () => {
    expect(addressOf(placeOf('a/b', 'x', undefined, {}), { object: 'Pod/x y/?#' }).path).toBe('/a/a%2Fb/x/o/Pod/x%20y/%3F%23')
  })
})

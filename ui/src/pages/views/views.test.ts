import { describe, expect, it } from 'vitest'
import { addressOf, canonical, isShown, nameProblem } from './views'

describe('a view', () => {
  it('is the same whatever the order of its parameters', () => expect(canonical('sort=name&filter=state:failed')).toBe(canonical('filter=state%3Afailed&sort=name')))
  it('leads to its page with its query', () => expect(addressOf({ page: 'apps', query: 'filter=a b&namespace=shop' })).toBe('/apps?filter=a+b&namespace=shop'))
  it('of a whole page has no question mark', () => expect(addressOf({ page: '/changes', query: '' })).toBe('/changes'))
  it('cannot lead out of the console', () => expect(addressOf({ page: '//evil.example.com', query: '' })).toBe('/evil.example.com'))
  it('is known when it is shown', () => {
    const view = { page: 'apps', query: 'filter=x&view=grid' }
    expect([isShown(view, 'apps', 'view=grid&filter=x'), isShown(view, 'apps', 'filter=x'), isShown(view, 'changes', view.query)]).toEqual([true, false, false])
  })
  const names: [string, boolean][] = [['Mine', true], ['', false], ['a/b', false], ['é'.repeat(100), true], ['x'.repeat(101), false]]
  for (const [name, good] of names) it(`${good ? 'can' : 'cannot'} be called ${JSON.stringify(name.slice(0, 12))} (${name.length})`, () => expect(nameProblem(name) === '').toBe(good))
})

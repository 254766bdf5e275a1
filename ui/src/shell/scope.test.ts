import { describe, expect, it } from 'vitest'
import { matches, namesOf, scopeFilter, scopeWords, within, withScope } from './scope'

describe('a scope', () => {
  it('is nothing where nothing is chosen', () => expect([scopeFilter({}), within({}, 'a'), within({}, undefined)]).toEqual(['', 'a', '']))
  it('comes before the filter, so that both must hold', () => expect(within({ namespace: 'shop', cluster: 'prod-eu' }, 'state:failed')).toBe('namespace:shop cluster:prod-eu state:failed'))
  it('can be several names', () => expect(scopeFilter({ namespace: 'shop, team,,shop' })).toBe('namespace:shop,team'))
  it('can have a star', () => expect(scopeFilter({ cluster: 'prod-*' })).toBe('cluster:prod-*'))
  it('quotes what would be more than a name', () => expect(scopeFilter({ cluster: 'a b -namespace:x' })).toBe('cluster:"a b -namespace:x"'))
  it('has each name once', () => expect(namesOf(' a,b ,a,')).toEqual(['a', 'b']))
  const cases: [string | undefined, string, boolean][] = [[undefined, 'x', true], ['shop', 'shop', true], ['Shop', 'shop', true], ['shop', 'shops', false], ['prod-*', 'prod-eu', true], ['prod-*', 'dev', false], ['a.b', 'axb', false], ['a,b*', 'bc', true]]
  for (const [text, name, want] of cases) it(`${text ?? 'none'} ${want ? 'has' : 'has not'} ${name}`, () => expect(matches(text, name)).toBe(want))
  it('is said in few words', () => expect([scopeWords({}), scopeWords({ namespace: 'shop', cluster: 'a,b' }), scopeWords({ namespace: 'a,b,c' })]).toEqual(['', 'shop · a, b', '3 namespaces']))
  it('stays on a path that the server gave', () => expect([withScope('/a/x/y', {}), withScope('/a/x/y', { cluster: 'c' }), withScope('/apps?filter=x', { namespace: 'n' })]).toEqual(['/a/x/y', '/a/x/y?cluster=c', '/apps?filter=x&namespace=n']))
})

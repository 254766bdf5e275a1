import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { chosen, clearFacet, quote, terms, toggle, without } from './filter'

interface Golden {
  input: string
  canonical?: string
  terms?: string[]
  facets?: string[]
  error?: unknown
}
const cases = JSON.parse(readFileSync('../internal/filter/testdata/cases.json', 'utf8')) as Golden[]

describe('the shared cases of the filter grammar', () => {
  it('are there', () => expect(cases.length).toBeGreaterThan(40))
  for (const c of cases.filter((c) => !c.error))
    it(`cuts ${JSON.stringify(c.input).slice(0, 60)} as the server does`, () => {
      expect(terms(c.input).map((t) => t.facet)).toEqual(c.facets ?? [])
      // What the server writes reads as the same terms here.
      expect(terms(c.canonical ?? '').map((t) => t.text)).toEqual(c.terms ?? [])
    })
})

describe('editing', () => {
  it('adds a value of a facet to its term', () => expect(toggle('web state:failed', 'state', 'Drifted')).toBe('web state:failed,drifted'))
  it('takes the last value out with its term', () => expect(toggle('web state:failed', 'state', 'Failed')).toBe('web'))
  it('leaves a term with a star alone', () => expect(toggle('cluster:prod-*', 'cluster', 'dev')).toBe('cluster:prod-* cluster:dev'))
  it('leaves a negated term alone', () => expect(toggle('-state:synced', 'state', 'Failed')).toBe('-state:synced state:Failed'))
  it('quotes what has spaces, commas and stars', () => expect(toggle('', 'label:team', 'a b,c*')).toBe('label:team="a b,c*"'))
  it('reads back what it quoted', () => expect([...chosen('label:team="a b,c*"', 'label:team')]).toEqual(['a b,c*']))
  it('knows another way of writing a label', () => expect([...chosen('team=Payments,x', 'label:team')]).toEqual(['payments', 'x']))
  it('takes one term out', () => expect(without('a state:failed "b c"', '"b c"')).toBe('a state:failed'))
  it('takes a facet out', () => expect(clearFacet('a state:failed -state:synced env:prod', 'state')).toBe('a env:prod'))
  it('escapes quotes', () => expect(quote('a"b\\')).toBe('"a\\"b\\\\"'))
})

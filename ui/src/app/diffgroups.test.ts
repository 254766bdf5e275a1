import { describe, expect, it } from 'vitest'

import { changedPart, group, split, valueText } from './diffgroups'
import type { FieldDiff, ObjectDiff } from './types'

const field = (cls: string, path: string, more: Partial<FieldDiff> = {}): FieldDiff => ({ path, class: cls, ...more })

describe('the fields of an object', () => {
  it('are shown when they matter, drift first, and counted when they are noise', () => {
    const g = group([
      field('ours', '.spec.a'), field('defaulted', '.spec.b', { owner: 'x' }), field('drift', '.spec.c'), field('defaulted', '.spec.d', { owner: 'y' }),
      field('mutated', '.spec.e', { owner: 'istio' }), field('ignored', '.spec.f', { rule: 'replicas' }), field('other', '.spec.g', { owner: 'hpa' }),
    ])
    expect(g.main.map((f) => f.path)).toEqual(['.spec.c', '.spec.a'])
    expect(g.noise.map((n) => n.title)).toEqual([
      '1 field changed at admission, by istio', '1 field of hpa', '1 field ignored by the rule replicas', '2 fields filled in by the API server',
    ])
  })

  it('are kept apart by who made the noise', () => {
    const g = group([field('mutated', '.a', { owner: 'one' }), field('mutated', '.b', { owner: 'two' }), field('mutated', '.c', { owner: 'one' })])
    expect(g.noise.map((n) => [n.owner, n.fields.length])).toEqual([['one', 2], ['two', 1]])
  })

  it('lose nothing, whatever their classes', () => {
    const fields = Array.from({ length: 500 }, (_, i) => field(['ours', 'drift', 'defaulted', 'mutated', 'other', 'ignored', 'new'][i % 7]!, `.f${i}`, { owner: `o${i % 3}`, rule: `r${i % 2}` }))
    const g = group(fields)
    const all = [...g.main, ...g.noise.flatMap((n) => n.fields)].map((f) => f.path).sort()
    expect(all).toEqual(fields.map((f) => f.path).sort())
  })

  it('are shown when their class is new here', () => {
    expect(group([field('surprise', '.a')]).main).toHaveLength(1)
  })
})

it('puts objects that differ by noise alone apart, and keeps the order of the rest', () => {
  const object = (id: string, action: string, counts: Record<string, number>): ObjectDiff => ({ object: id, action, counts, fields: [] })
  const s = split([object('a', 'changed', { defaulted: 3 }), object('b', 'removed', {}), object('c', 'changed', { ours: 1, defaulted: 9 }), object('d', 'added', { defaulted: 1 })])
  expect(s.loud.map((o) => o.object)).toEqual(['b', 'c', 'd'])
  expect(s.quiet.map((o) => o.object)).toEqual(['a'])
})

it.each([
  ['registry/web:1.4', 'registry/web:1.5', 15, 0], ['abc', 'abc', 3, 0], ['', 'abc', 0, 0], ['aXc', 'aYYc', 1, 1], ['aa', 'aaa', 2, 0],
  ['x😀', 'x😁', 1, 0],
])('finds the part in which %j and %j differ', (a, b, head, tail) => {
  expect(changedPart(a, b)).toEqual({ head, tail })
})

it.each([[undefined, undefined], ['a', 'a'], [4, '4'], [null, 'null'], [true, 'true'], [{ a: [1] }, '{\n  "a": [\n    1\n  ]\n}'], ['', '']])('writes the value %j as %j', (v, want) => {
  expect(valueText(v)).toBe(want)
})

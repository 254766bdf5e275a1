import { describe, expect, it } from 'vitest'

import { diffLines, hunks } from './linediff'

const signs = (a: string, b: string) => diffLines(a.split(''), b.split('')).map((l) => l.sign + l.text).join(' ')

describe('a comparison of lines', () => {
  it.each([
    ['abc', 'abc', ' a  b  c'], ['abc', 'axc', ' a -b +x  c'], ['', '', ''], ['abc', 'bc', '-a  b  c'], ['bc', 'abc', '+a  b  c'], ['ab', 'cd', '-a -b +c +d'],
  ])('of %j and %j', (a, b, want) => {
    expect(signs(a, b)).toBe(want)
  })

  it('gives back both texts, whatever they are', () => {
    let s = 99
    const next = (n: number) => (s = (Math.imul(s, 1664525) + 1013904223) >>> 0) % n
    for (let round = 0; round < 400; round++) {
      const left = Array.from({ length: next(30) }, () => `l${next(12)}`)
      const right = left.flatMap((l) => (next(4) === 0 ? (next(2) ? [] : [`n${next(9)}`, l]) : [l]))
      const d = diffLines(left, right)
      expect(d.filter((l) => l.sign !== '+').map((l) => l.text)).toEqual(left)
      expect(d.filter((l) => l.sign !== '-').map((l) => l.text)).toEqual(right)
      d.forEach((l) => {
        if (l.left > 0) expect(left[l.left - 1]).toBe(l.text)
        if (l.right > 0) expect(right[l.right - 1]).toBe(l.text)
      })
    }
  })

  it('of 20,000 lines with 6,700 scattered changes takes a moment, not minutes', () => {
    const left = Array.from({ length: 20_000 }, (_, i) => `  field${i}: value`)
    const right = left.map((l, i) => (i % 3 === 0 ? l + 'x' : l))
    const from = performance.now()
    const d = diffLines(left, right)
    expect(performance.now() - from).toBeLessThan(2000)
    expect(d.filter((l) => l.sign === '+')).toHaveLength(6667)
  })

  it('of 20,000 equal lines against none of them alike does not hang', () => {
    const from = performance.now()
    diffLines(Array.from({ length: 20_000 }, () => 'a'), Array.from({ length: 20_000 }, (_, i) => `b${i}`))
    expect(performance.now() - from).toBeLessThan(2000)
  })
})

it('leaves out what is equal and far from a change, and says how much', () => {
  const left = Array.from({ length: 100 }, (_, i) => `${i}`)
  const right = left.map((l) => (l === '50' ? 'x' : l))
  const h = hunks(diffLines(left, right), 2)
  expect(h).toHaveLength(8)
  expect(h[0]).toEqual({ gap: 48, at: 1 })
  expect(h.at(-1)).toEqual({ gap: 47, at: 54 })
  expect(h.reduce((n, x) => n + ('gap' in x ? x.gap : 1), 0)).toBe(101)
})

import { describe, expect, it } from 'vitest'

import { LogRing, occurrences } from './logring'

const line = (text: string) => ({ pod: 'p', container: 'c', text })
const lines = (n: number, from = 0) => Array.from({ length: n }, (_, i) => line(`line ${from + i}`))

describe('a ring of log lines', () => {
  it('keeps the newest, and names them by a number that never changes', () => {
    const ring = new LogRing(10)
    ring.push(lines(25))
    expect([ring.first, ring.end, ring.size]).toEqual([15, 25, 10])
    expect(ring.at(15)?.text).toBe('line 15')
    expect(ring.at(24)?.text).toBe('line 24')
    expect(ring.at(14)).toBeUndefined()
    expect(ring.at(25)).toBeUndefined()
  })

  it('says the same whatever the sizes of the batches', () => {
    for (const sizes of [[25], [1, 24], [10, 10, 5], [9, 2, 14]]) {
      const ring = new LogRing(10)
      ring.search('1')
      let n = 0
      for (const s of sizes) {
        ring.push(lines(s, n))
        n += s
      }
      expect(ring.text()).toBe(Array.from({ length: 10 }, (_, i) => `line ${15 + i}\n`).join(''))
      expect(Array.from({ length: ring.hitCount }, (_, i) => ring.hit(i))).toEqual([15, 16, 17, 18, 19, 21])
    }
  })

  it('finds the same in lines that come after the search as in those before', () => {
    const before = new LogRing(5000)
    before.search('7')
    before.push(lines(12_000))
    const after = new LogRing(5000)
    after.push(lines(12_000))
    after.search('7')
    expect(before.hitCount).toBe(after.hitCount)
    for (let i = 0; i < before.hitCount; i += 37) expect(before.hit(i)).toBe(after.hit(i))
    expect(before.hit(0)).toBeGreaterThanOrEqual(before.first)
  })

  it('finds the hit at or after a line', () => {
    const ring = new LogRing(100)
    ring.push(lines(50))
    ring.search('9')
    expect(ring.hit(ring.hitAt(10))).toBe(19)
    expect(ring.hit(ring.hitAt(19))).toBe(19)
    expect(ring.hitAt(50)).toBe(ring.hitCount)
    expect(ring.hit(-1)).toBeUndefined()
  })

  it('minds the case only where the search has a capital letter', () => {
    const ring = new LogRing(10)
    ring.push([line('ERROR here'), line('error there'), line('fine')])
    ring.search('error')
    expect(ring.hitCount).toBe(2)
    ring.search('ERROR')
    expect(ring.hitCount).toBe(1)
    ring.search('')
    expect(ring.hitCount).toBe(0)
  })

  it('is empty after a clear, and goes on', () => {
    const ring = new LogRing(10)
    ring.push(lines(5))
    ring.clear()
    expect([ring.size, ring.text(), ring.at(4)]).toEqual([0, '', undefined])
    ring.push(lines(1, 99))
    expect(ring.at(5)?.text).toBe('line 99')
  })

  it('takes 100,000 lines in batches of 1,000 in a moment, search included', () => {
    const ring = new LogRing(100_000)
    ring.search('99')
    ring.push(lines(100_000))
    const batches = Array.from({ length: 100 }, (_, i) => lines(1000, i * 1000))
    const from = performance.now()
    for (const b of batches) ring.push(b)
    expect(performance.now() - from).toBeLessThan(1000)
    expect(ring.size).toBe(100_000)
  })

  it('refuses a ring of nothing', () => {
    expect(() => new LogRing(0)).toThrow(RangeError)
  })
})

describe('occurrences', () => {
  it.each([
    ['an error and an Error', 'error', [[3, 8], [16, 21]]],
    ['an error and an Error', 'Error', [[16, 21]]],
    ['aaa', 'aa', [[0, 2]]],
    ['nothing', '', []],
    ['İstanbul', 'stan', []],
  ])('in %j of %j', (text, search, want) => {
    expect(occurrences(text, search)).toEqual(want)
  })
})

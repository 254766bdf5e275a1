import { describe, expect, it } from 'vitest'

import { type Item, type Layout, layout, lines, metrics as m, visible } from './layout'

/** A small generator of its own, so that a failing case is named by its seed. */
function random(seed: number): () => number {
  let s = seed >>> 0
  return () => {
    s = (Math.imul(s, 1664525) + 1013904223) >>> 0
    return s / 2 ** 32
  }
}

function forest(seed: number, n: number): Item[] {
  const next = random(seed)
  const items: Item[] = []
  for (let i = 0; i < n; i++) {
    const root = i === 0 || next() < 0.2
    items.push({ id: `n${i}`, parent: root ? undefined : `n${Math.floor(next() * i)}`, loose: next() < 0.7 })
  }
  return items
}

function overlaps(l: Layout): string[] {
  const seen = new Map<string, string>()
  const bad: string[] = []
  const columns = new Map<number, { y: number; id: string }[]>()
  for (const b of l.boxes) {
    const key = `${b.x}/${b.y}`
    if (seen.has(key)) bad.push(`${b.id} on ${seen.get(key)}`)
    seen.set(key, b.id)
    columns.set(b.x, [...(columns.get(b.x) ?? []), b])
  }
  for (const column of columns.values()) {
    column.sort((p, q) => p.y - q.y)
    for (let i = 1; i < column.length; i++) {
      if (column[i]!.y - column[i - 1]!.y < m.height) bad.push(`${column[i]!.id} reaches into ${column[i - 1]!.id}`)
    }
  }
  // Columns of trees and of the grid differ in width: boxes of unlike x must not share an area either.
  const sorted = [...l.boxes].sort((p, q) => p.y - q.y)
  for (let i = 0; i < sorted.length; i++) {
    for (let k = i + 1; k < sorted.length && sorted[k]!.y < sorted[i]!.y + m.height; k++) {
      if (Math.abs(sorted[i]!.x - sorted[k]!.x) < m.width) bad.push(`${sorted[k]!.id} across ${sorted[i]!.id}`)
    }
  }
  return bad
}

const seeds = Array.from({ length: 60 }, (_, i) => i + 1)

describe('a layout of any forest', () => {
  it.each(seeds)('has no overlaps, seed %i', (seed) => {
    expect(overlaps(layout(forest(seed, 10 + seed * 5), 900))).toEqual([])
  })

  it.each(seeds)('has each parent left of its child and never below it, seed %i', (seed) => {
    const l = layout(forest(seed, 200), 900)
    for (const b of l.boxes) {
      if (b.parent < 0) continue
      const p = l.boxes[b.parent]!
      expect(p.x + m.width).toBeLessThan(b.x)
      expect(p.y).toBeLessThanOrEqual(b.y)
      expect(b.level).toBe(p.level + 1)
    }
  })

  it.each(seeds)('places every item once, in rows that never go up, seed %i', (seed) => {
    const items = forest(seed, 200)
    const l = layout(items, 900)
    expect(new Set(l.boxes.map((b) => b.id)).size).toBe(items.length)
    for (let i = 1; i < l.boxes.length; i++) expect(l.boxes[i]!.y).toBeGreaterThanOrEqual(l.boxes[i - 1]!.y)
  })

  it.each(seeds)('moves nothing before an item that is added at the end of its siblings, seed %i', (seed) => {
    const items = forest(seed, 150).map((it) => ({ ...it, loose: false }))
    const before = layout(items, 900)
    const parent = items[Math.floor(random(seed)() * items.length)]!.id
    const after = layout([...items, { id: 'new', parent }], 900)
    const at = after.byId.get('new')!
    for (let i = 0; i < at; i++) {
      expect(after.boxes[i]!.id).toBe(before.boxes[i]!.id)
      expect([after.boxes[i]!.x, after.boxes[i]!.y]).toEqual([before.boxes[i]!.x, before.boxes[i]!.y])
    }
    expect(after.boxes.filter((b) => b.id !== 'new').map((b) => b.id)).toEqual(before.boxes.map((b) => b.id))
  })

  it.each(seeds)('counts positions among siblings from 1 without a gap, seed %i', (seed) => {
    const l = layout(forest(seed, 200), 900)
    const byParent = new Map<number, number[]>()
    for (const b of l.boxes) byParent.set(b.parent, [...(byParent.get(b.parent) ?? []), b.position])
    for (const [parent, positions] of byParent) {
      expect([...positions].sort((a, b) => a - b)).toEqual(positions.map((_, i) => i + 1))
      expect(l.boxes.find((b) => b.parent === parent)!.setSize).toBe(positions.length)
    }
  })

  it.each(seeds)('knows the size of each subtree, seed %i', (seed) => {
    const l = layout(forest(seed, 120), 900)
    l.boxes.forEach((b, i) => {
      for (let k = i + 1; k < i + b.subtree; k++) expect(l.boxes[k]!.level).toBeGreaterThan(b.level)
      expect(l.boxes[i + b.subtree]?.level ?? 0).toBeLessThanOrEqual(b.level)
    })
  })

  it.each(seeds)('culls to exactly what an area touches, seed %i', (seed) => {
    const l = layout(forest(seed, 400), 1200)
    const next = random(seed)
    const left = next() * l.width
    const top = next() * l.height
    const area = { left, top, right: left + 800, bottom: top + 500 }
    const want = l.boxes.flatMap((b, i) =>
      b.x <= area.right && b.x + m.width >= area.left && b.y <= area.bottom && b.y + m.height >= area.top ? [i] : [])
    expect(visible(l, area)).toEqual(want)
  })
})

describe('a layout of foreign bytes', () => {
  it('makes a root of an item whose parent is not there', () => {
    expect(layout([{ id: 'a', parent: 'gone' }], 900).boxes[0]).toMatchObject({ level: 1, parent: -1 })
  })

  it('cuts circles, and places each item of them', () => {
    const l = layout([{ id: 'a', parent: 'c' }, { id: 'b', parent: 'a' }, { id: 'c', parent: 'b' }, { id: 'self', parent: 'self' }], 900)
    expect(l.boxes.map((b) => b.id).sort()).toEqual(['a', 'b', 'c', 'self'])
  })

  it('leaves out a second item of the same id', () => {
    expect(layout([{ id: 'a' }, { id: 'a' }], 900).boxes).toHaveLength(1)
  })

  it('takes a chain of 10,000', () => {
    const items = Array.from({ length: 10_000 }, (_, i) => ({ id: `${i}`, parent: i === 0 ? undefined : `${i - 1}` }))
    const l = layout(items, 900)
    expect(l.boxes.at(-1)!.level).toBe(10_000)
    expect(l.height).toBe(m.height)
  })

  it('is empty for nothing', () => {
    expect(layout([], 900)).toMatchObject({ boxes: [], width: 0, height: 0 })
  })
})

describe('the shape', () => {
  it('draws the first child in its parent’s row, so that the worst path is one line', () => {
    const l = layout([{ id: 'd' }, { id: 'rs', parent: 'd' }, { id: 'p1', parent: 'rs' }, { id: 'p2', parent: 'rs' }], 900)
    const y = (id: string) => l.boxes[l.byId.get(id)!]!.y
    expect([y('d'), y('rs'), y('p1')]).toEqual([0, 0, 0])
    expect(y('p2')).toBe(m.height + m.gapY)
  })

  it('fills a grid with loose roots below the trees', () => {
    const l = layout([{ id: 'a', loose: true }, { id: 't' }, { id: 'c', parent: 't' }, { id: 'b', loose: true }], 600)
    expect(l.boxes.map((b) => b.id)).toEqual(['t', 'c', 'a', 'b'])
    expect(l.boxes[2]!.y).toBe(l.boxes[3]!.y)
    expect(l.boxes[2]!.y).toBeGreaterThan(l.boxes[0]!.y)
  })

  it('draws lines only where an area is', () => {
    const items: Item[] = [{ id: 'd' }, ...Array.from({ length: 1000 }, (_, i) => ({ id: `p${i}`, parent: 'd' }))]
    const l = layout(items, 900)
    const path = lines(l, { left: 0, top: 30_000, right: 900, bottom: 30_600 })
    expect(path.split('M').length).toBeLessThan(16)
    expect(path).toContain('V')
  })
})

it('places 10,000 nodes within 20 ms', () => {
  const items = forest(7, 10_000)
  const took: number[] = []
  for (let i = 0; i < 15; i++) {
    const from = performance.now()
    layout(items, 1400)
    took.push(performance.now() - from)
  }
  expect(Math.min(...took)).toBeLessThan(20)
})

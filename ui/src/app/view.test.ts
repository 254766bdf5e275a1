import { describe, expect, it } from 'vitest'

import { clamp, contains, fit, fits, margin, reveal, seen, zoomAt, zoomMax, zoomMin } from './view'

const frame = { width: 1000, height: 600 }
const large = { width: 3000, height: 20_000 }

describe('the view of a drawing', () => {
  it('keeps the point under the pointer when it zooms', () => {
    const v = { x: -350, y: -900, zoom: 0.7 }
    const before = { x: (400 - v.x) / v.zoom, y: (300 - v.y) / v.zoom }
    const w = zoomAt(v, 1.6, 400, 300)
    expect((400 - w.x) / w.zoom).toBeCloseTo(before.x)
    expect((300 - w.y) / w.zoom).toBeCloseTo(before.y)
  })

  it('zooms within its limits', () => {
    expect(zoomAt({ x: 0, y: 0, zoom: 1 }, 100, 0, 0).zoom).toBe(zoomMax)
    expect(zoomAt({ x: 0, y: 0, zoom: 1 }, 0.001, 0, 0).zoom).toBe(zoomMin)
  })

  it('stays at the corner when all fits, and never shows more than the margin beyond the drawing', () => {
    expect(clamp({ x: -500, y: 300, zoom: 1 }, { width: 100, height: 100 }, frame)).toEqual({ x: margin, y: margin, zoom: 1 })
    expect(clamp({ x: 900, y: 900, zoom: 1 }, large, frame)).toEqual({ x: margin, y: margin, zoom: 1 })
    expect(clamp({ x: -1e6, y: -1e6, zoom: 1 }, large, frame)).toEqual({ x: 1000 - margin - 3000, y: 600 - margin - 20_000, zoom: 1 })
  })

  it('moves no more than it must to show a node', () => {
    const v = { x: margin, y: margin, zoom: 1 }
    expect(reveal(v, { left: 0, right: 200, top: 0, bottom: 50 }, frame)).toEqual(v)
    const w = reveal(v, { left: 0, right: 200, top: 5000, bottom: 5050 }, frame)
    expect(contains(seen(w, frame), { left: 0, right: 200, top: 5000, bottom: 5050 })).toBe(true)
    expect(w.x).toBe(v.x)
  })

  it('fits by width, never larger than life', () => {
    expect(fit({ width: 100, height: 100 }, frame).zoom).toBe(1)
    const v = fit({ width: 1904, height: 9 }, frame)
    expect(v.zoom).toBeCloseTo(0.5)
    expect(fits({ width: 1904, height: 9 }, frame, v.zoom)).toBe(true)
  })
})

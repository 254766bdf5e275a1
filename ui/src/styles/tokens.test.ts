import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'

// The contrast of every token against what it stands on, by WCAG's formula.

const css = readFileSync('src/styles/tokens.css', 'utf8')
const block = (start: string) => {
  const at = css.indexOf(start)
  expect(at).toBeGreaterThanOrEqual(0)
  const body = css.slice(css.indexOf('{', at) + 1, css.indexOf('}', at))
  return Object.fromEntries([...body.matchAll(/--([\w-]+):\s*(#[0-9a-f]{6})\b/g)].map((m) => [m[1]!, m[2]!]))
}
const light = block('\n:root {')
const dark = { ...light, ...block("\n:root[data-theme='dark'] {") }
const system = { ...light, ...block(":root:not([data-theme='light']) {") }

function luminance(hex: string): number {
  const [r, g, b] = [1, 3, 5].map((i) => {
    const c = parseInt(hex.slice(i, i + 2), 16) / 255
    return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4
  }) as [number, number, number]
  return 0.2126 * r + 0.7152 * g + 0.0722 * b
}
function contrast(a: string, b: string): number {
  const [x, y] = [luminance(a), luminance(b)].sort((p, q) => q - p) as [number, number]
  return (x + 0.05) / (y + 0.05)
}

const states = ['synced', 'deploying', 'waiting', 'failed', 'degraded', 'drifted', 'paused', 'unknown']

it('the dark theme of the system and the chosen one are the same', () => expect(system).toEqual(dark))

for (const [theme, t] of Object.entries({ light, dark })) {
  describe(theme, () => {
    const at = (ink: string, ground: string) => contrast(t[ink]!, t[ground]!)
    for (const s of [...states, 'accent']) {
      it(`${s} as text has 6:1 on page and card`, () => expect(Math.min(at(s, 'page'), at(s, 'card'))).toBeGreaterThanOrEqual(6))
      it(`${s} as text has 4.5:1 on its own soft ground`, () => expect(at(s, s === 'accent' ? 'accent-soft' : s + '-soft')).toBeGreaterThanOrEqual(4.5))
    }
    for (const ground of ['page', 'card', 'raised', 'sunken', 'hover', 'selected']) {
      it(`text has 7:1 on ${ground}`, () => expect(at('text', ground)).toBeGreaterThanOrEqual(7))
      it(`muted text has 4.5:1 on ${ground}`, () => expect(at('muted', ground)).toBeGreaterThanOrEqual(4.5))
    }
    it('text on the accent has 4.5:1', () => expect(at('accent-text', 'accent')).toBeGreaterThanOrEqual(4.5))
    for (const line of ['control', 'focus']) it(`${line} has 3:1 on page and card`, () => expect(Math.min(at(line, 'page'), at(line, 'card'))).toBeGreaterThanOrEqual(3))
    for (const s of states.filter((x) => x !== 'synced')) it(`the fill of ${s} has 3:1 on the card`, () => expect(at('fill-' + s, 'card')).toBeGreaterThanOrEqual(3))
  })
}

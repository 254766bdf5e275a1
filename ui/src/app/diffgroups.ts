import type { FieldDiff, ObjectDiff } from './types'
import { counted } from './words'

/** Fields that matter, one by one, and the noise: folded and counted, never hidden. */
export interface Grouped {
  readonly main: FieldDiff[]
  readonly noise: NoiseGroup[]
}

export interface NoiseGroup {
  readonly class: string
  /** Who did it, where they share one; else ''. */
  readonly owner: string
  readonly rule: string
  readonly title: string
  readonly fields: FieldDiff[]
}

const loud = new Set(['ours', 'drift'])

/** Splits the fields of one object. A class that is new here is not noise: nobody said so. */
export function group(fields: readonly FieldDiff[]): Grouped {
  const main: FieldDiff[] = []
  const noise = new Map<string, FieldDiff[]>()
  for (const f of fields) {
    if (!isNoise(f.class)) {
      main.push(f)
      continue
    }
    const key = [f.class, f.class === 'ignored' ? (f.rule ?? '') : '', f.class === 'defaulted' ? '' : (f.owner ?? '')].join('\0')
    const have = noise.get(key)
    if (have === undefined) noise.set(key, [f])
    else have.push(f)
  }
  main.sort((a, b) => rank(a) - rank(b))
  return { main, noise: [...noise].map(([key, list]) => noiseGroup(key, list)).sort((a, b) => order.indexOf(a.class) - order.indexOf(b.class)) }
}

const order = ['mutated', 'other', 'ignored', 'defaulted']

export function isNoise(fieldClass: string): boolean {
  return order.includes(fieldClass)
}

function rank(f: FieldDiff): number {
  if (f.class === 'drift') return 0
  return loud.has(f.class) ? 1 : 2
}

function noiseGroup(key: string, fields: FieldDiff[]): NoiseGroup {
  const [cls = '', rule = '', owner = ''] = key.split('\0')
  return { class: cls, owner, rule, title: noiseTitle(cls, rule, owner, fields.length), fields }
}

function noiseTitle(cls: string, rule: string, owner: string, n: number): string {
  const fields = counted(n, 'field')
  switch (cls) {
    case 'defaulted': return `${fields} filled in by the API server`
    case 'mutated': return owner ? `${fields} changed at admission, by ${owner}` : `${fields} changed at admission`
    case 'other': return owner ? `${fields} of ${owner}` : `${fields} of other managers`
    default: return rule ? `${fields} ignored by the rule ${rule}` : `${fields} ignored by a rule of the App`
  }
}

/** What a class means, for the reader who asks. */
export const classWords: Record<string, { word: string; means: string }> = {
  ours: { word: 'Git', means: 'Git wants it so' },
  drift: { word: 'drift', means: 'somebody changed what Git owns' },
  defaulted: { word: 'default', means: 'the API server filled it in' },
  mutated: { word: 'admission', means: 'changed on its way into the cluster: it differs from what was sent' },
  other: { word: 'other', means: 'another manager’s own field: Git says nothing about it' },
  ignored: { word: 'ignored', means: 'a rule of the App lets others change it' },
}

/** How many fields differ, without noise; of all classes when there is nothing else. */
export function loudCount(o: ObjectDiff): number {
  return Object.entries(o.counts ?? {}).reduce((sum, [cls, n]) => (isNoise(cls) ? sum : sum + n), 0)
}

export function noiseCount(o: ObjectDiff): number {
  return Object.entries(o.counts ?? {}).reduce((sum, [cls, n]) => (isNoise(cls) ? sum + n : sum), 0)
}

/** Objects whose every difference is noise come last, folded; the server's order by risk stays. */
export function split(objects: readonly ObjectDiff[]): { loud: ObjectDiff[]; quiet: ObjectDiff[] } {
  const out = { loud: [] as ObjectDiff[], quiet: [] as ObjectDiff[] }
  for (const o of objects) {
    const quiet = o.action === 'changed' && loudCount(o) === 0 && noiseCount(o) > 0
    out[quiet ? 'quiet' : 'loud'].push(o)
  }
  return out
}

/** A value as one piece of text: strings as they are, everything else as JSON. undefined is "not there". */
export function valueText(v: unknown): string | undefined {
  if (v === undefined) return undefined
  if (typeof v === 'string') return v
  return JSON.stringify(v, null, typeof v === 'object' && v !== null ? 2 : undefined)
}

/** The part in which two texts differ: lengths of the common head and tail. A surrogate pair is never split. */
export function changedPart(a: string, b: string): { head: number; tail: number } {
  const max = Math.min(a.length, b.length)
  let head = 0
  while (head < max && a[head] === b[head]) head++
  if (head > 0 && isHigh(a, head - 1)) head--
  let tail = 0
  while (tail < max - head && a[a.length - 1 - tail] === b[b.length - 1 - tail]) tail++
  if (tail > 0 && isLow(a, a.length - tail)) tail--
  return { head, tail }
}

function isHigh(s: string, i: number): boolean {
  const c = s.charCodeAt(i)
  return c >= 0xd800 && c < 0xdc00
}

function isLow(s: string, i: number): boolean {
  const c = s.charCodeAt(i)
  return c >= 0xdc00 && c < 0xe000
}

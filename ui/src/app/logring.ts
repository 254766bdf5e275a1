import type { LogLine } from './types'

/** One kept line. `seq` counts from the first line ever; it names the line as long as it is kept. */
export interface KeptLine extends LogLine {
  readonly seq: number
}

/**
 * The last lines of a log, at most `capacity`. Adding costs the same however many are kept. With a search, the lines that
 * match are known at any time: a new search looks at all lines once, news at the new ones only.
 */
export class LogRing {
  readonly capacity: number
  private readonly slots: (LogLine | undefined)[]
  /** Seq of the oldest kept line, and of the next one to come. */
  private from = 0
  private to = 0
  private sought = ''
  private needle: Matcher | undefined
  private hits: number[] = []
  private hitsFrom = 0

  constructor(capacity: number) {
    if (!(capacity >= 1)) throw new RangeError(`a ring of ${capacity} lines`)
    this.capacity = Math.floor(capacity)
    this.slots = new Array<LogLine | undefined>(this.capacity)
  }

  get first(): number { return this.from }
  get end(): number { return this.to }
  get size(): number { return this.to - this.from }

  push(lines: readonly LogLine[]): void {
    // What would be overwritten within the same batch is not written at all.
    const skip = Math.max(0, lines.length - this.capacity)
    this.to += skip
    for (let i = skip; i < lines.length; i++) {
      const line = lines[i]!
      if (this.needle?.(line.text)) this.hits.push(this.to)
      this.slots[this.to++ % this.capacity] = line
    }
    this.from = Math.max(this.from, this.to - this.capacity)
    this.forget()
  }

  /** Lets go of hits whose lines are gone; the array is cut only when half of it is waste. */
  private forget(): void {
    while (this.hitsFrom < this.hits.length && this.hits[this.hitsFrom]! < this.from) this.hitsFrom++
    if (this.hitsFrom > 1024 && this.hitsFrom * 2 > this.hits.length) {
      this.hits = this.hits.slice(this.hitsFrom)
      this.hitsFrom = 0
    }
  }

  at(seq: number): KeptLine | undefined {
    if (seq < this.from || seq >= this.to) return undefined
    const line = this.slots[seq % this.capacity]
    return line && { ...line, seq }
  }

  clear(): void {
    this.from = this.to
    this.slots.fill(undefined)
    this.hits = []
    this.hitsFrom = 0
  }

  /** Sets what is searched for; '' ends it. The same again costs nothing. */
  search(text: string): void {
    if (text === this.sought) return
    this.sought = text
    this.needle = matcher(text)
    this.hits = []
    this.hitsFrom = 0
    if (this.needle === undefined) return
    for (let s = this.from; s < this.to; s++) {
      if (this.needle(this.slots[s % this.capacity]!.text)) this.hits.push(s)
    }
  }

  get hitCount(): number { return this.hits.length - this.hitsFrom }

  /** The seq of the n-th hit, from 0. */
  hit(n: number): number | undefined {
    return n < 0 ? undefined : this.hits[this.hitsFrom + n]
  }

  /** The place among the hits of the first one at or after a line. */
  hitAt(seq: number): number {
    let lo = this.hitsFrom
    let hi = this.hits.length
    while (lo < hi) {
      const mid = (lo + hi) >> 1
      if (this.hits[mid]! < seq) lo = mid + 1
      else hi = mid
    }
    return lo - this.hitsFrom
  }

  /** All kept lines as text, one a line, for a download. */
  text(stamp: (l: LogLine) => string = (l) => l.text): string {
    const out: string[] = []
    for (let s = this.from; s < this.to; s++) out.push(stamp(this.slots[s % this.capacity]!))
    return out.length === 0 ? '' : `${out.join('\n')}\n`
  }
}

type Matcher = (text: string) => boolean

/** Small letters match both cases; a capital letter asks for exact case. */
function matcher(text: string): Matcher | undefined {
  if (text === '') return undefined
  if (text !== text.toLowerCase()) return (t) => t.includes(text)
  return (t) => t.toLowerCase().includes(text)
}

/** Where a search text occurs in a line, as [from, to) pairs, at most 50. */
export function occurrences(line: string, text: string): [number, number][] {
  if (text === '') return []
  const exact = text !== text.toLowerCase()
  const hay = exact ? line : line.toLowerCase()
  const out: [number, number][] = []
  // A few letters change their length in lower case: then places would not fit the line that is shown.
  if (hay.length !== line.length) return []
  for (let at = hay.indexOf(text); at >= 0 && out.length < 50; at = hay.indexOf(text, at + text.length)) out.push([at, at + text.length])
  return out
}

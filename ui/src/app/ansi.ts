/** A piece of a log line: its text, and the colour that the program asked for. */
export interface Piece {
  readonly text: string
  readonly colour: Colour | ''
  readonly bold: boolean
}
export type Colour = 'red' | 'green' | 'yellow' | 'blue' | 'magenta' | 'cyan' | 'grey'

const colours: Record<number, Colour | ''> = {
  30: 'grey', 31: 'red', 32: 'green', 33: 'yellow', 34: 'blue', 35: 'magenta', 36: 'cyan', 37: '', 90: 'grey', 91: 'red', 92: 'green', 93: 'yellow',
  94: 'blue', 95: 'magenta', 96: 'cyan', 97: '', 39: '',
}

// Control sequences of terminals: CSI (of which only colours are kept), OSC (titles, links), and single ones.
 
const escape = /\u001b(?:\[([0-9;:?]*)[ -/]*([@-~])|\][^\u0007\u001b]*(?:\u0007|\u001b\\)?|[@-Z\\-_])/g

/** Cuts a line by its colours; whatever else a terminal would obey is left out. */
export function pieces(line: string): Piece[] {
  if (!line.includes('\u001b')) return [{ text: line, colour: '', bold: false }]
  const out: Piece[] = []
  let colour: Colour | '' = ''
  let bold = false
  let at = 0
  for (const m of line.matchAll(escape)) {
    if (m.index > at) out.push({ text: line.slice(at, m.index), colour, bold })
    at = m.index + m[0].length
    if (m[2] !== 'm') continue
    const codes = (m[1] || '0').split(/[;:]/).map(Number)
    for (let i = 0; i < codes.length; i++) {
      const c = codes[i]!
      if (c === 0) [colour, bold] = ['', false]
      else if (c === 1) bold = true
      else if (c === 22) bold = false
      else if (c === 38 || c === 48) i += codes[i + 1] === 5 ? 2 : 4
      else if (colours[c] !== undefined) colour = colours[c]
    }
  }
  if (at < line.length) out.push({ text: line.slice(at), colour, bold })
  return out
}

/** The line without what a terminal would obey. */
export function bare(line: string): string {
  return line.includes('\u001b') ? line.replace(escape, '') : line
}

/** Cuts pieces at places of the bare line, and says which lie within one of the ranges. */
export function highlight(of: readonly Piece[], ranges: readonly (readonly [number, number])[]): (Piece & { hit: boolean })[] {
  const out: (Piece & { hit: boolean })[] = []
  let at = 0
  let r = 0
  for (const p of of) {
    const end = at + p.text.length
    let from = at
    while (from < end) {
      while (r < ranges.length && ranges[r]![1] <= from) r++
      const range = ranges[r]
      const hit = range !== undefined && range[0] <= from
      const to = range === undefined ? end : hit ? Math.min(end, range[1]) : Math.min(end, range[0])
      out.push({ ...p, text: p.text.slice(from - at, to - at), hit })
      from = to
    }
    at = end
  }
  return out
}

/** How grave a line says it is: error, warn or ''. Of its first 200 letters. */
export function gravity(line: string): 'error' | 'warn' | '' {
  const start = line.slice(0, 200)
  if (/\b(ERROR|ERR|FATAL|PANIC|CRITICAL|panic:|Exception)\b|"level":"(error|fatal|panic)"|level=(error|fatal|panic)\b/.test(start)) return 'error'
  if (/\b(WARN|WARNING)\b|"level":"warn(ing)?"|level=warn(ing)?\b/.test(start)) return 'warn'
  return ''
}

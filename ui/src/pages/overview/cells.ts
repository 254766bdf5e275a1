// The wall's geometry and drawing: pure but for the canvas.

/** LETTERS are the states by the letters of the API. */
export const LETTERS: Record<string, string> = { F: 'Failed', G: 'Degraded', D: 'Drifted', P: 'Deploying', W: 'Waiting', H: 'Paused', U: 'Unknown', S: 'Synced' }

/** Sizes are the pitches of cells in px, gap included: of what is not Synced, and of what is. */
export interface Sizes {
  problem: number
  synced: number
}

/** cellSizes suits all Apps to a screen: the more there are, the smaller what is well becomes; what is not stays visible. */
export function cellSizes(total: number, large: boolean): Sizes {
  const synced = total <= 150 ? 22 : total <= 600 ? 16 : total <= 1500 ? 12 : total <= 4000 ? 9 : 7
  return { problem: Math.max(synced, 15) + (large ? 4 : 0), synced: synced + (large ? 3 : 0) }
}

/** Problems stand first in a group's cells. */
export function problemsIn(cells: string): number {
  const i = cells.indexOf('S')
  return i < 0 ? cells.length : i
}

const perRow = (width: number, size: number) => Math.max(1, Math.floor(width / size))
const rows = (n: number, width: number, size: number) => Math.ceil(n / perRow(width, size)) * size

/** height is how tall n cells are, of which the first p are problems. */
export function height(n: number, p: number, width: number, sizes: Sizes): number {
  // Where both have one size they run on; else what is well begins a row of its own.
  if (sizes.problem === sizes.synced) return rows(n, width, sizes.synced)
  return rows(p, width, sizes.problem) + rows(n - p, width, sizes.synced)
}

/** corner is where a cell is drawn. */
export function corner(i: number, p: number, width: number, sizes: Sizes): { x: number; y: number; size: number } {
  const one = sizes.problem === sizes.synced
  const size = i < p ? sizes.problem : sizes.synced
  const k = one || i < p ? i : i - p
  const top = one || i < p ? 0 : rows(p, width, sizes.problem)
  const columns = perRow(width, size)
  return { x: (k % columns) * size, y: top + Math.floor(k / columns) * size, size }
}

/** place is which cell lies at a point; -1: none. */
export function place(x: number, y: number, n: number, p: number, width: number, sizes: Sizes): number {
  const one = sizes.problem === sizes.synced
  const above = one ? 0 : rows(p, width, sizes.problem)
  const inProblems = !one && y < above
  const size = inProblems ? sizes.problem : sizes.synced
  const column = Math.floor(x / size)
  if (column < 0 || y < 0 || column >= perRow(width, size)) return -1
  const i = Math.floor((inProblems || one ? y : y - above) / size) * perRow(width, size) + column
  const at = inProblems || one ? i : p + i
  return at < (inProblems ? p : n) ? at : -1
}

/** tally counts a group's states, worst first. */
export function tally(cells: string): [string, number][] {
  const n = new Map<string, number>()
  for (const c of cells) n.set(c, (n.get(c) ?? 0) + 1)
  return Object.entries(LETTERS)
    .filter(([l]) => n.has(l))
    .map(([l, s]) => [s, n.get(l)!])
}

/** draw paints the cells at the canvas's own size, sharp on every screen. */
export function draw(canvas: HTMLCanvasElement, cells: string, width: number, sizes: Sizes, pattern: boolean) {
  const ratio = window.devicePixelRatio || 1
  const p = problemsIn(cells)
  const tall = height(cells.length, p, width, sizes)
  canvas.width = Math.round(width * ratio)
  canvas.height = Math.round(tall * ratio)
  canvas.style.width = width + 'px'
  canvas.style.height = tall + 'px'
  const g = canvas.getContext('2d')
  if (!g) return
  g.scale(ratio, ratio)
  const style = getComputedStyle(canvas)
  const fills = Object.fromEntries(Object.entries(LETTERS).map(([l, s]) => [l, style.getPropertyValue('--fill-' + s.toLowerCase())]))
  const ink = style.getPropertyValue('--card')
  for (let i = 0; i < cells.length; i++) {
    const { x, y, size } = corner(i, p, width, sizes)
    const side = size - (size >= 16 ? 3 : size >= 12 ? 2 : 1)
    const c = cells[i]!
    g.fillStyle = fills[c] ?? fills.U!
    g.beginPath()
    g.roundRect(x, y, side, side, size >= 15 ? 4 : size >= 12 ? 2 : 1)
    g.fill()
    if (c !== 'S' && (pattern || side >= 12)) mark(g, c, x, y, side, ink)
  }
}

// What a cell of a state has in it, so that it can be told without its colour.
function mark(g: CanvasRenderingContext2D, letter: string, x: number, y: number, side: number, ink: string) {
  const m = side * 0.28
  const [l, t, r, b, cx, cy] = [x + m, y + m, x + side - m, y + side - m, x + side / 2, y + side / 2]
  g.strokeStyle = ink
  g.fillStyle = ink
  g.lineWidth = Math.max(1, side / 9)
  g.lineCap = 'round'
  g.beginPath()
  if (letter === 'F') lines(g, [l, t, r, b], [r, t, l, b])
  else if (letter === 'G') lines(g, [cx, t, cx, cy + m / 2], [cx, b, cx, b])
  else if (letter === 'D') lines(g, [l, cy - m / 2, r, cy - m / 2], [l, cy + m / 2, r, cy + m / 2])
  else if (letter === 'P') g.arc(cx, cy, side / 2 - m, -Math.PI / 2, Math.PI / 2)
  else if (letter === 'W') lines(g, [cx, t, cx, cy], [cx, cy, r, cy])
  else if (letter === 'H') lines(g, [cx - m / 2, t, cx - m / 2, b], [cx + m / 2, t, cx + m / 2, b])
  else lines(g, [l, cy, r, cy])
  if (letter === 'P') g.fill()
  else g.stroke()
}

function lines(g: CanvasRenderingContext2D, ...all: [number, number, number, number][]) {
  for (const [x1, y1, x2, y2] of all) {
    g.moveTo(x1, y1)
    g.lineTo(x2, y2)
  }
}

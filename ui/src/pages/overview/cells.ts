// The wall's geometry and drawing: pure but for the canvas.

/** LETTERS are the states by the letters of the API. */
export const LETTERS: Record<string, string> = { F: 'Failed', G: 'Degraded', D: 'Drifted', P: 'Deploying', W: 'Waiting', H: 'Paused', U: 'Unknown', S: 'Synced' }

/** cellSize is the pitch of a cell in px, gap included: all Apps should fit a screen, none under 8. */
export function cellSize(total: number, large: boolean): number {
  const size = total <= 150 ? 22 : total <= 600 ? 16 : total <= 3000 ? 12 : total <= 6000 ? 10 : 8
  return large ? size + 4 : size
}

const perRow = (width: number, size: number) => Math.max(1, Math.floor(width / size))

/** height is how tall n cells are. */
export function height(n: number, width: number, size: number): number {
  return Math.ceil(n / perRow(width, size)) * size
}

/** place is which cell lies at a point; -1: none. */
export function place(x: number, y: number, width: number, size: number, n: number): number {
  const column = Math.floor(x / size)
  if (column < 0 || column >= perRow(width, size) || y < 0) return -1
  const i = Math.floor(y / size) * perRow(width, size) + column
  return i < n ? i : -1
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
export function draw(canvas: HTMLCanvasElement, cells: string, width: number, size: number, pattern: boolean) {
  const ratio = window.devicePixelRatio || 1
  const tall = height(cells.length, width, size)
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
  const gap = size >= 16 ? 3 : size >= 12 ? 2 : 1
  const side = size - gap
  const round = size >= 16 ? 4 : size >= 12 ? 2 : 1
  const columns = perRow(width, size)
  for (let i = 0; i < cells.length; i++) {
    const x = (i % columns) * size
    const y = Math.floor(i / columns) * size
    const c = cells[i]!
    g.fillStyle = fills[c] ?? fills.U!
    g.beginPath()
    g.roundRect(x, y, side, side, round)
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

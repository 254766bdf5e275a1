/**
 * A tidy layout for an ownership forest, left to right, in O(n).
 *
 * A first child stands in the row of its parent, every further child in a row below all that was placed before it. So no
 * two nodes share a place, parents are left of their children, and because the server puts the worst sibling first, the
 * path to the problem is one straight line at the top. A node's place depends only on what comes before it: news about a
 * later node moves nothing above it.
 *
 * Roots without children that the caller marks as `loose` (healthy ones: configuration, accounts, services) do not get a row
 * each: they fill a grid below the trees, as wide as the view.
 */

/** What is placed. Parents may come after children, be absent (then the node is a root), or form a circle (foreign bytes). */
export interface Item {
  readonly id: string
  readonly parent?: string | undefined
  /** May go into the grid, when it is a root without children. */
  readonly loose?: boolean | undefined
}

/** All lengths in px. */
export interface Metrics {
  readonly width: number
  readonly height: number
  /** Between a parent's right edge and its children's left edge: the lines are drawn here. */
  readonly gapX: number
  readonly gapY: number
  /** Between two trees, added to gapY. */
  readonly gapTree: number
  /** Between two columns of the grid. */
  readonly gapGrid: number
}

export const metrics: Metrics = { width: 248, height: 52, gapX: 48, gapY: 10, gapTree: 12, gapGrid: 16 }

/** A placed item. `index` is its place in the input, `parent` the place of its parent among the boxes, -1 for a root. */
export interface Box {
  readonly id: string
  readonly index: number
  readonly parent: number
  readonly x: number
  readonly y: number
  /** 1 for a root. */
  readonly level: number
  /** From 1, among its siblings, of size `setSize`. */
  readonly position: number
  readonly setSize: number
  /** Boxes of its subtree, itself included: they follow it without a gap. */
  readonly subtree: number
  /** The y of its last child; its own y when it has none. */
  readonly lastChildY: number
}

export interface Layout {
  /** In reading order: parents before children, y never decreases. */
  readonly boxes: readonly Box[]
  readonly byId: ReadonlyMap<string, number>
  readonly width: number
  readonly height: number
}

interface Links {
  readonly ids: Map<string, number>
  readonly first: Int32Array
  readonly next: Int32Array
  readonly children: Int32Array
  readonly roots: number[]
}

/** Links children to parents in input order. A second item of the same id is left out; a circle is cut at its first item. */
function link(items: readonly Item[]): Links {
  const n = items.length
  const ids = new Map<string, number>()
  items.forEach((it, i) => {
    if (!ids.has(it.id)) ids.set(it.id, i)
  })
  const parent = parents(items, ids)
  const first = new Int32Array(n).fill(-1)
  const last = new Int32Array(n).fill(-1)
  const next = new Int32Array(n).fill(-1)
  const children = new Int32Array(n)
  const roots: number[] = []
  for (let i = 0; i < n; i++) {
    const p = parent[i]!
    if (p === -2) continue
    if (p === -1) {
      roots.push(i)
      continue
    }
    if (last[p] === -1) first[p] = i
    else next[last[p]!] = i
    last[p] = i
    children[p]!++
  }
  return { ids, first, next, children, roots }
}

/** The parent of each item: -1 for a root, -2 for a duplicate. Circles are cut. */
function parents(items: readonly Item[], ids: ReadonlyMap<string, number>): Int32Array {
  const n = items.length
  const parent = new Int32Array(n)
  for (let i = 0; i < n; i++) {
    const it = items[i]!
    if (ids.get(it.id) !== i) parent[i] = -2
    else parent[i] = it.parent === undefined || it.parent === '' || it.parent === it.id ? -1 : (ids.get(it.parent) ?? -1)
  }
  // 0 not seen, else the number of the walk that saw it. Each item is walked once.
  const seen = new Int32Array(n)
  for (let i = 0; i < n; i++) {
    const walk = i + 1
    let at = i
    while (at >= 0 && seen[at] === 0) {
      seen[at] = walk
      at = parent[at]!
    }
    if (at >= 0 && seen[at] === walk && parent[at]! >= 0) parent[at] = -1
  }
  return parent
}

interface Draft {
  id: string
  index: number
  parent: number
  x: number
  y: number
  level: number
  position: number
  setSize: number
  subtree: number
  lastChildY: number
}

/** Places items. `viewWidth` is how wide the grid of loose roots may be; the trees take what they need. */
export function layout(items: readonly Item[], viewWidth: number, m: Metrics = metrics): Layout {
  const links = link(items)
  const isLoose = (i: number) => items[i]!.loose === true && links.children[i] === 0
  const trees = links.roots.filter((i) => !isLoose(i))
  const loose = links.roots.filter(isLoose)
  const out: Draft[] = []
  const bottom = placeTrees(items, links, trees, links.roots.length, out, m)
  placeGrid(items, loose, trees.length, out, bottom, viewWidth, m)
  close(out)
  const byId = new Map<string, number>()
  let width = 0
  let height = 0
  out.forEach((b, i) => {
    byId.set(b.id, i)
    width = Math.max(width, b.x + m.width)
    height = Math.max(height, b.y + m.height)
  })
  return { boxes: out, byId, width, height }
}

/** Walks the trees in order with a stack of its own: a chain of any depth is fine. Returns where the next thing may start. */
function placeTrees(items: readonly Item[], links: Links, trees: readonly number[], roots: number, out: Draft[], m: Metrics): number {
  let top = 0
  const stack: { i: number; parent: number; position: number }[] = []
  for (let t = 0; t < trees.length; t++) {
    let y = top
    let fresh = true
    stack.push({ i: trees[t]!, parent: -1, position: t + 1 })
    while (stack.length > 0) {
      const { i, parent, position } = stack.pop()!
      const p = parent < 0 ? undefined : out[parent]!
      if (!fresh && position !== 1) y += m.height + m.gapY
      fresh = false
      const at = out.length
      out.push({
        id: items[i]!.id, index: i, parent, level: p === undefined ? 1 : p.level + 1, position,
        x: p === undefined ? 0 : p.x + m.width + m.gapX, y, subtree: 1, lastChildY: y,
        setSize: p === undefined ? roots : links.children[p.index]!,
      })
      const kids: number[] = []
      for (let c = links.first[i]!; c !== -1; c = links.next[c]!) kids.push(c)
      for (let k = kids.length - 1; k >= 0; k--) stack.push({ i: kids[k]!, parent: at, position: k + 1 })
    }
    top = y + m.height + m.gapY + m.gapTree
  }
  return top
}

function placeGrid(items: readonly Item[], loose: readonly number[], before: number, out: Draft[], top: number, viewWidth: number, m: Metrics): void {
  const columns = Math.max(1, Math.floor((viewWidth + m.gapGrid) / (m.width + m.gapGrid)))
  const size = before + loose.length
  loose.forEach((i, k) => {
    const y = top + Math.floor(k / columns) * (m.height + m.gapY)
    out.push({
      id: items[i]!.id, index: i, parent: -1, level: 1, position: before + k + 1, setSize: size,
      x: (k % columns) * (m.width + m.gapGrid), y, subtree: 1, lastChildY: y,
    })
  })
}

/** Sums subtrees and finds last children, from the end to the beginning. */
function close(out: Draft[]): void {
  for (let i = out.length - 1; i >= 0; i--) {
    const b = out[i]!
    if (b.parent < 0) continue
    const p = out[b.parent]!
    p.subtree += b.subtree
    p.lastChildY = Math.max(p.lastChildY, b.y)
  }
}

/** A part of the drawing, in its own px. */
export interface Area {
  readonly left: number
  readonly top: number
  readonly right: number
  readonly bottom: number
}

/** The boxes that an area shows, by their place. Only rows in reach are looked at. */
export function visible(l: Layout, a: Area, m: Metrics = metrics): number[] {
  const out: number[] = []
  let lo = 0
  let hi = l.boxes.length
  while (lo < hi) {
    const mid = (lo + hi) >> 1
    if (l.boxes[mid]!.y + m.height < a.top) lo = mid + 1
    else hi = mid
  }
  for (let i = lo; i < l.boxes.length; i++) {
    const b = l.boxes[i]!
    if (b.y > a.bottom) break
    if (b.x <= a.right && b.x + m.width >= a.left) out.push(i)
  }
  return out
}

/** One SVG path with every line that an area shows: a trunk per parent, a rounded elbow per child. */
export function lines(l: Layout, a: Area, m: Metrics = metrics): string {
  let path = ''
  const half = m.height / 2
  const r = 8
  for (const b of l.boxes) {
    if (b.y > a.bottom) break
    if (b.parent < 0) {
      path += trunk(b, a, m, half, r)
      continue
    }
    const p = l.boxes[b.parent]!
    if (b.y + m.height >= a.top && p.x <= a.right && b.x >= a.left) path += elbow(p, b, m, half, r)
    path += trunk(b, a, m, half, r)
  }
  return path
}

function elbow(p: Box, b: Box, m: Metrics, half: number, r: number): string {
  const from = p.x + m.width
  const trunkX = from + m.gapX / 2
  const y = b.y + half
  if (b.y === p.y) return `M${from} ${y}H${b.x}`
  return `M${trunkX} ${y - r}Q${trunkX} ${y} ${trunkX + r} ${y}H${b.x}`
}

function trunk(b: Box, a: Area, m: Metrics, half: number, r: number): string {
  if (b.lastChildY === b.y || b.lastChildY + m.height < a.top) return ''
  const x = b.x + m.width + m.gapX / 2
  if (x < a.left || x > a.right) return ''
  const from = Math.max(b.y + half, a.top - m.height)
  const to = Math.min(b.lastChildY + half - r, a.bottom + m.height)
  return to > from ? `M${x} ${from}V${to}` : ''
}

/** The line from a box's parent to it, whole: for the ones that stand out. Empty for a root. */
export function edge(l: Layout, at: number, m: Metrics = metrics): string {
  const b = l.boxes[at]!
  if (b.parent < 0) return ''
  const p = l.boxes[b.parent]!
  const from = p.x + m.width
  const y = b.y + m.height / 2
  const parentY = p.y + m.height / 2
  if (b.y === p.y) return `M${from} ${y}H${b.x}`
  const x = from + m.gapX / 2
  return `M${from} ${parentY}H${x}V${y - 8}Q${x} ${y} ${x + 8} ${y}H${b.x}`
}

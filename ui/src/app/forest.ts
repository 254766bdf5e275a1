import type { Item } from './layout'
import type { Node } from './types'
import { isCalm, stateOf } from './words'

/** A node that is shown, with what it hides. */
export interface Shown extends Item {
  readonly node: Node
  readonly branch: boolean
  readonly open: boolean
  /** Nodes below it that are not shown because it is closed. */
  readonly hidden: number
}

export interface ShapeOptions {
  /** Nodes that a person opened or closed; the others are as `opens` says. */
  readonly toggled: ReadonlyMap<string, boolean>
  /** Words to find; '' shows all. */
  readonly find: string
  /** Up to how many nodes everything is open from the start. */
  readonly openAll: number
}

/**
 * What of the server's nodes is shown, parents before children. Branches with a problem in them are open; in a large App
 * the healthy ones are closed. A search shows the matches and the way to them, whatever is closed.
 */
export function shape(nodes: readonly Node[], o: ShapeOptions): Shown[] {
  const children = childrenOf(nodes)
  const trouble = withAncestors(nodes, (n) => !isCalm(n))
  const match = parseFind(o.find)
  const found = match && withAncestors(nodes, match)
  const hit = match && new Set(nodes.filter(match).map((n) => n.id))
  const few = nodes.length <= o.openAll
  const out: Shown[] = []
  // A stack of its own: a chain of any depth is fine.
  const stack = [...(children.get('') ?? [])].reverse()
  while (stack.length > 0) {
    const n = stack.pop()!
    if (found && !found.has(n.id)) continue
    const below = children.get(n.id) ?? []
    // A match opens on its own branch as usual; the way to a match is open.
    const byDefault = found ? below.some((c) => found.has(c.id)) || !hit!.has(n.id) : few || trouble.has(n.id)
    const open = below.length > 0 && (o.toggled.get(n.id) ?? byDefault)
    out.push({
      id: n.id, parent: n.parent, node: n, branch: below.length > 0 || (n.children ?? 0) > 0, open,
      hidden: open ? 0 : countBelow(n, children), loose: isCalm(n) && !n.hook,
    })
    if (open) for (let i = below.length - 1; i >= 0; i--) stack.push(below[i]!)
  }
  return out
}

/** What Enter and a click do: an object is opened beside the page, a group in place. */
export function activate(s: Shown, onOpen: (n: Node) => void, onToggle: (id: string, open: boolean) => void): void {
  if (s.node.role === 'group') onToggle(s.id, !s.open)
  else onOpen(s.node)
}

/** Children by parent; '' has the roots. Nodes whose parent is not there, or is itself, are roots. */
function childrenOf(nodes: readonly Node[]): Map<string, Node[]> {
  const ids = new Set(nodes.map((n) => n.id))
  const out = new Map<string, Node[]>()
  const seen = new Set<string>()
  for (const n of nodes) {
    if (seen.has(n.id)) continue
    // Parents come before children; a parent that was not seen yet is a circle or a mistake: the node is a root then.
    const parent = n.parent !== undefined && ids.has(n.parent) && seen.has(n.parent) ? n.parent : ''
    seen.add(n.id)
    const list = out.get(parent)
    if (list === undefined) out.set(parent, [n])
    else list.push(n)
  }
  return out
}

function countBelow(n: Node, children: ReadonlyMap<string, Node[]>): number {
  let count = children.get(n.id) === undefined ? (n.children ?? 0) : 0
  const stack = [...(children.get(n.id) ?? [])]
  while (stack.length > 0) {
    const c = stack.pop()!
    count += Math.max(1, c.folded ?? 1)
    stack.push(...(children.get(c.id) ?? []))
  }
  return count
}

/** The nodes that a test picks, and all on the way to them. */
function withAncestors(nodes: readonly Node[], pick: (n: Node) => boolean): Set<string> {
  const parent = new Map(nodes.map((n) => [n.id, n.parent]))
  const out = new Set<string>()
  for (const n of nodes) {
    if (!pick(n)) continue
    for (let id: string | undefined = n.id; id !== undefined && id !== '' && !out.has(id); id = parent.get(id)) out.add(id)
  }
  return out
}

/** kind:pod state:degraded web → a test; undefined for nothing to find. All words must match. */
export function parseFind(text: string): ((n: Node) => boolean) | undefined {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean)
  if (words.length === 0) return undefined
  return (n) => words.every((w) => matches(n, w))
}

function matches(n: Node, word: string): boolean {
  const colon = word.indexOf(':')
  const value = word.slice(colon + 1)
  switch (colon < 0 ? '' : word.slice(0, colon)) {
    case 'kind': return n.kind.toLowerCase().startsWith(value)
    case 'state': return value.split(',').some((v) => v !== '' && stateOf(n).toLowerCase().startsWith(v))
    case 'namespace': return (n.namespace ?? '').toLowerCase().startsWith(value)
    default: return [n.kind, n.name, stateOf(n), n.reason ?? '', n.message ?? ''].some((t) => t.toLowerCase().includes(word))
  }
}

/** A signature of what a node shows: when it changes, the node pulses. */
export function signature(n: Node): string {
  return [n.health, n.sync, n.reason, n.message, n.folded, ...(n.facts ?? [])].join('\0')
}

/** Which nodes of `now` are new or look different from `before`. Nothing when there was no before. */
export function changed(before: ReadonlyMap<string, string> | undefined, now: readonly Node[]): Set<string> {
  const out = new Set<string>()
  if (before === undefined) return out
  for (const n of now) if (before.get(n.id) !== signature(n)) out.add(n.id)
  return out
}

/** A row as the keys of a tree see it, in reading order. */
export interface TreeRow {
  readonly id: string
  readonly level: number
  readonly branch: boolean
  readonly open: boolean
  readonly name: string
}

export type TreeMove = { readonly go: string } | { readonly toggle: string } | { readonly open: string } | undefined

/** What a key does in a tree (the pattern of WAI-ARIA): to another row, open or close one, or activate it. */
export function treeKey(rows: readonly TreeRow[], at: number, key: string): TreeMove {
  const row = rows[at]
  if (row === undefined) return rows[0] && { go: rows[0].id }
  const go = (i: number): TreeMove => rows[i] && { go: rows[i].id }
  switch (key) {
    case 'ArrowDown': return go(at + 1)
    case 'ArrowUp': return go(at - 1)
    case 'Home': return go(0)
    case 'End': return go(rows.length - 1)
    case 'PageDown': return go(Math.min(rows.length - 1, at + 10))
    case 'PageUp': return go(Math.max(0, at - 10))
    case 'ArrowRight':
      if (!row.branch) return undefined
      return row.open ? go(at + 1) : { toggle: row.id }
    case 'ArrowLeft': {
      if (row.branch && row.open) return { toggle: row.id }
      for (let i = at - 1; i >= 0; i--) if (rows[i]!.level < row.level) return go(i)
      return undefined
    }
    case 'Enter':
    case ' ': return { open: row.id }
    default: return undefined
  }
}

/** The next row whose name begins with what was typed, from `at` on and around the end. */
export function typeahead(rows: readonly TreeRow[], at: number, typed: string): string | undefined {
  const t = typed.toLowerCase()
  const from = typed.length === 1 ? at + 1 : at
  for (let i = 0; i < rows.length; i++) {
    const row = rows[(from + i + rows.length) % rows.length]!
    if (row.name.toLowerCase().startsWith(t)) return row.id
  }
  return undefined
}

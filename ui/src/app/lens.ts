import type { Node } from './types'
import { counted, formatID, isCalm, parseID, plural, stateOf } from './words'

/** The questions that the objects are shown for. The first is the default. */
export const lenses = [
  { id: 'ownership', label: 'Owners', means: 'who made what' },
  { id: 'traffic', label: 'Traffic', means: 'the way of a request: gateways and Ingresses, Services, Pods' },
  { id: 'dependency', label: 'Order', means: 'what is applied when: dependencies, hooks, waves' },
  { id: 'nodes', label: 'Nodes', means: 'which Pods run on which node' },
] as const
export type LensID = (typeof lenses)[number]['id']

/** Something that an App waits for before it deploys, and how it fares when that is known. */
export interface Dependency {
  readonly id: string
  readonly kind: string
  readonly name: string
  readonly namespace?: string | undefined
  /** A state of an App; undefined: not known to the reader. */
  readonly state?: string | undefined
}

/** More calm siblings of one kind than these stand in a group of their own. */
const most = 20

/** regroup gives the nodes of the server's answer the parents of a lens, parents before children. It takes O(n). */
export function regroup(nodes: readonly Node[], lens: string | undefined, waitsFor: readonly Dependency[] = []): readonly Node[] {
  switch (lens) {
    case 'traffic': return byTraffic(nodes)
    case 'dependency': return byOrder(nodes, waitsFor)
    case 'nodes': return byMachine(nodes)
    default: return nodes
  }
}

/** What a lens has nothing to show for, in words. */
export const emptyWords: Record<LensID, { title: string; text: string }> = {
  ownership: { title: 'Nothing here', text: 'The App has no objects.' },
  traffic: { title: 'No traffic', text: 'The App has no gateway, route, Ingress, Service or Pod.' },
  dependency: { title: 'Nothing is applied', text: 'The App has no objects of its own.' },
  nodes: { title: 'No Pods', text: 'The App runs no Pods.' },
}

/** How many objects a list of nodes shows: each once, groups and what is outside not. */
export function objectsIn(nodes: readonly Node[]): number {
  const seen = new Set<string>()
  for (const n of nodes) if (n.role === undefined) seen.add(n.object ?? n.id)
  return seen.size
}

// ---- groups

const rank: Record<string, number> = { Failed: 0, Degraded: 1, Missing: 2, Unknown: 3, Drifted: 4, Progressing: 5, Suspended: 6, Healthy: 7 }
const rankOf = (n: Node) => (isCalm(n) ? 7 : (rank[stateOf(n)] ?? 3))

/** A group that fares as its worst member does. */
function group(id: string, kind: string, name: string, members: readonly Node[], facts: string[], parent?: string): Node {
  let worst: Node | undefined
  for (const m of members) if (worst === undefined || rankOf(m) < rankOf(worst)) worst = m
  const state = worst === undefined || isCalm(worst) ? 'Healthy' : stateOf(worst)
  return { id: `group:${id}`, parent, kind, name, health: state, ours: true, role: 'group', facts }
}

/** Members below a parent; calm ones of a kind of which there are many are put together. */
function members(parent: string, list: readonly Node[]): Node[] {
  const kinds = new Map<string, Node[]>()
  for (const n of list) {
    if (!isCalm(n)) continue
    const have = kinds.get(n.kind)
    if (have === undefined) kinds.set(n.kind, [n])
    else have.push(n)
  }
  // A group that would hold everything says nothing new.
  if (kinds.size === 1 && kinds.values().next().value!.length === list.length) return list.map((n) => ({ ...n, parent }))
  const out: Node[] = list.filter((n) => !isCalm(n) || kinds.get(n.kind)!.length <= most).map((n) => ({ ...n, parent }))
  for (const [kind, calm] of kinds) {
    if (calm.length <= most) continue
    const g = group(`${parent}/${kind}`, kind, `${calm.length} ${plural(kind, calm.length)}`, calm, ['all healthy'], parent)
    out.push(g, ...calm.map((n) => ({ ...n, parent: g.id })))
  }
  return out
}

// ---- nodes

function byMachine(nodes: readonly Node[]): Node[] {
  const on = new Map<string, Node[]>()
  for (const n of nodes) {
    if (n.kind !== 'Pod') continue
    const at = n.node ?? ''
    const have = on.get(at)
    if (have === undefined) on.set(at, [n])
    else have.push(n)
  }
  const groups = [...on].map(([name, pods]) => {
    const ready = pods.filter(isCalm).length
    const facts = [ready === pods.length ? counted(pods.length, 'Pod') : `${ready} of ${counted(pods.length, 'Pod')} healthy`]
    return { head: group(`node/${name}`, name === '' ? 'No node' : 'Node', name === '' ? 'Not on a node' : name, pods, facts), pods }
  })
  // What is on no node first, then the worst, then by name.
  groups.sort((a, b) => Number(b.head.kind === 'No node') - Number(a.head.kind === 'No node') || rankOf(a.head) - rankOf(b.head) || compare(a.head.name, b.head.name))
  return groups.flatMap((g) => [g.head, ...members(g.head.id, g.pods)])
}

const { compare } = new Intl.Collator('en', { numeric: true })

// ---- order

const before = ['Before', 'BeforeDelete']
const after = ['After', 'OnFailure', 'AfterDelete']
const phaseWords: Record<string, string> = {
  Before: 'Hooks before', Main: 'Hooks during', After: 'Hooks after', OnFailure: 'Hooks when it fails', BeforeDelete: 'Hooks before deletion', AfterDelete: 'Hooks after deletion',
}
const foundation = new Set(['Namespace', 'CustomResourceDefinition'])

interface Stage { key: string; kind: string; name: string; order: number; wave: number; list: Node[] }

/** Stages in the order of time: what is waited for, hooks before, foundations, the waves, hooks after. */
function byOrder(nodes: readonly Node[], waitsFor: readonly Dependency[]): Node[] {
  const stages = new Map<string, Stage>()
  const into = (key: string, kind: string, name: string, order: number, wave: number, n: Node) => {
    const have = stages.get(key)
    if (have === undefined) stages.set(key, { key, kind, name, order, wave, list: [n] })
    else have.list.push(n)
  }
  for (const n of nodes) {
    if (n.hook) {
      const phase = n.phases?.[0] ?? 'Main'
      const order = before.includes(phase) ? 1 : after.includes(phase) ? 4 + after.indexOf(phase) : 3
      into(`hook/${phase}/${n.wave ?? 0}`, 'Hooks', withWave(phaseWords[phase] ?? phase, n.wave), order, n.wave ?? 0, described(n))
    } else if (foundation.has(n.kind)) into('foundation', 'Foundation', 'Namespaces and CRDs', 2, 0, described(n))
    else into(`wave/${n.wave ?? 0}`, 'Wave', `Wave ${n.wave ?? 0}`, 3, n.wave ?? 0, described(n))
  }
  const list = [...stages.values()].sort((a, b) => a.order - b.order || a.wave - b.wave || compare(a.key, b.key))
  const out = awaited(waitsFor)
  for (const s of list) {
    const head = group(s.key, s.kind, s.name, s.list, [counted(s.list.length, 'object')])
    out.push(head, ...members(head.id, s.list))
  }
  return out
}

const withWave = (word: string, wave: number | undefined) => (wave ? `${word}, wave ${wave}` : word)

function described(n: Node): Node {
  if (!n.after?.length) return n
  return { ...n, facts: [`after ${n.after.map((id) => nameOfID(id)).join(', ')}`, ...(n.facts ?? [])] }
}

function nameOfID(id: string): string {
  const o = parseID(id)
  return `${o.kind} ${o.name}`
}

/** States of an App as healths: a dependency is fulfilled when it is Synced. */
const appHealth: Record<string, string> = { Synced: 'Healthy', Deploying: 'Progressing', Waiting: 'Progressing', Paused: 'Suspended', Failed: 'Degraded', Degraded: 'Degraded', Drifted: 'Degraded' }

function awaited(list: readonly Dependency[]): Node[] {
  if (list.length === 0) return []
  const nodes = list.map((d): Node => ({
    id: `waits:${d.id}`, kind: d.kind, name: d.name, namespace: d.namespace, ours: false, role: 'outside',
    health: d.state === undefined ? '' : (appHealth[d.state] ?? 'Unknown'), facts: [d.state === undefined ? 'must be healthy first' : `is ${d.state}`],
  }))
  const head = group('waits', 'Depends on', 'Waited for first', nodes, [String(nodes.length)])
  return [head, ...nodes.map((n) => ({ ...n, parent: head.id }))]
}

// ---- traffic

/**
 * The way of traffic as a forest: an object that several send traffic to stands below each of them, after the first time as a
 * copy, and what is below it is shown once. What is named but not in the App stands as outside. Pods that no Service reaches come last.
 */
function byTraffic(nodes: readonly Node[]): Node[] {
  const known = new Map(nodes.map((n) => [n.id, n]))
  const to = edges(nodes, known)
  const reached = new Set([...to.values()].flatMap((ids) => [...ids]))
  const out: Node[] = []
  const copies = new Map<string, number>()
  const copy = (n: Node, parent: string | undefined): Node => {
    const nth = copies.get(n.id) ?? 0
    copies.set(n.id, nth + 1)
    return nth === 0 ? { ...n, parent } : { ...n, id: `copy:${nth}:${n.id}`, parent, object: n.id }
  }
  const put = (id: string, parent: string | undefined) => {
    const first = !copies.has(id)
    const here = copy(known.get(id)!, parent)
    const next = [...(to.get(id) ?? [])].map((c) => known.get(c)!)
    if (!first) {
      // A circle ends here too.
      out.push(next.length > 0 ? { ...here, facts: ['see above'] } : here)
      return
    }
    const pods = next.filter((n) => n.kind === 'Pod')
    out.push(here)
    const further = next.filter((n) => n.kind !== 'Pod').sort((a, b) => rankOf(a) - rankOf(b) || compare(a.name, b.name))
    for (const n of further) put(n.id, here.id)
    for (const n of members(here.id, pods)) out.push(n.role === undefined ? copy(n, n.parent) : n)
  }
  const roots = [...known.values()].filter((n) => n.kind !== 'Pod' && !reached.has(n.id))
  roots.sort((a, b) => level(a) - level(b) || rankOf(a) - rankOf(b) || compare(a.name, b.name))
  for (const n of roots) put(n.id, undefined)
  // What only reaches itself in a circle has no root: it begins anywhere.
  for (const n of known.values()) if (n.kind !== 'Pod' && !copies.has(n.id)) put(n.id, undefined)
  const lonely = [...known.values()].filter((n) => n.kind === 'Pod' && !copies.has(n.id))
  if (lonely.length > 0) {
    const head = group('lonely', 'No Service', 'Pods behind no Service', lonely, [counted(lonely.length, 'Pod')])
    out.push(head, ...members(head.id, lonely))
  }
  return out
}

/** Who sends to whom, from both ends' words; what is not there is added to `known` as outside. */
function edges(nodes: readonly Node[], known: Map<string, Node>): Map<string, Set<string>> {
  const to = new Map<string, Set<string>>()
  const outside = (id: string) => {
    if (known.has(id)) return
    const o = parseID(id)
    known.set(id, { id, kind: o.kind, group: o.group, namespace: o.namespace, name: o.name, health: '', ours: false, role: 'outside', facts: ['not of this App'] })
  }
  const link = (from: string, target: string) => {
    if (from === target) return
    const have = to.get(from)
    if (have === undefined) to.set(from, new Set([target]))
    else have.add(target)
  }
  for (const n of nodes) {
    for (const t of n.targets ?? []) {
      outside(t)
      link(n.id, t)
    }
    for (const s of n.sources ?? []) {
      outside(s)
      link(s, n.id)
    }
  }
  return to
}

/** Entrances first. */
function level(n: Node): number {
  if (n.kind === 'Gateway') return 0
  if (n.kind.endsWith('Route') || n.kind === 'Ingress') return 1
  return n.kind === 'Service' ? 2 : 3
}

/** What the spec of an App says that it waits for. The bytes are the reader's own, but of any shape. */
export function dependenciesOf(spec: unknown, namespace: string): Dependency[] {
  const list = isRecord(spec) ? spec.dependsOn : undefined
  if (!Array.isArray(list)) return []
  return list.filter(isRecord).flatMap((d): Dependency[] => {
    if (isRecord(d.app) && typeof d.app.name === 'string') {
      const ns = text(d.app.namespace) || namespace
      return [{ id: `App.plumb.cd/${ns}/${d.app.name}`, kind: 'App', name: d.app.name, namespace: ns }]
    }
    if (isRecord(d.object) && typeof d.object.name === 'string' && typeof d.object.kind === 'string') {
      const version = text(d.object.apiVersion)
      const o = { kind: d.object.kind, group: version.includes('/') ? version.slice(0, version.indexOf('/')) : '', namespace: text(d.object.namespace), name: d.object.name }
      return [{ ...o, id: formatID(o) }]
    }
    return []
  })
}

const text = (v: unknown) => (typeof v === 'string' ? v : '')
const isRecord = (v: unknown): v is Record<string, unknown> => typeof v === 'object' && v !== null && !Array.isArray(v)

import type { Node } from './types'

/** The word for how an object fares: its health, or Drifted where a healthy one differs from Git. */
export function stateOf(n: Pick<Node, 'health' | 'sync'>): string {
  if (n.sync === 'OutOfSync' && n.health === 'Healthy') return 'Drifted'
  return n.health || 'Unknown'
}

/** Whether there is nothing to say about it. */
export function isCalm(n: Pick<Node, 'health' | 'sync' | 'role'>): boolean {
  return stateOf(n) === 'Healthy' || (n.role === 'outside' && n.health === '')
}

/** The ID of the object that a node stands for, undefined where it stands for several, or for one that is not the App's. */
export function objectOf(n: Node): string | undefined {
  if (n.role !== undefined || n.folded) return undefined
  return n.object ?? n.id
}

/** The one fact that a node shows: the problem in words when there is one, else the first fact of the server. */
export function factOf(n: Node): string {
  if (n.folded) return foldText(n)
  if (!isCalm(n)) {
    const facts = n.facts?.[0]
    const reason = n.reason ? spaced(n.reason) : ''
    if (reason !== '' && facts !== undefined) return `${reason} · ${facts}`
    if (reason !== '' || n.message) return reason || (n.message ?? '')
  }
  return n.facts?.[0] ?? ''
}

/** ImagePullBackOff → image pull back off; other words stay. */
export function spaced(reason: string): string {
  if (!/^[A-Z][A-Za-z]+$/.test(reason)) return reason
  return reason.replace(/([a-z0-9])([A-Z])/g, '$1 $2').toLowerCase()
}

function foldText(n: Node): string {
  const parts = Object.entries(n.foldedBy ?? {}).map(([health, count]) => `${count} ${health.toLowerCase()}`)
  return parts.length > 0 ? parts.join(', ') : `${n.folded} objects`
}

/** What a node is called in the drawing. */
export function titleOf(n: Node): string {
  return n.folded ? `${n.folded} more ${plural(n.kind, n.folded)}` : n.name
}

export function plural(kind: string, n: number): string {
  if (n === 1) return kind
  if (/(s|x|ch|sh)$/i.test(kind)) return `${kind}es`
  return /[^aeiou]y$/i.test(kind) ? `${kind.slice(0, -1)}ies` : `${kind}s`
}

export function counted(n: number, one: string, many = `${one}s`): string {
  return `${n.toLocaleString('en')} ${n === 1 ? one : many}`
}

/** What a screen reader says: "Deployment payments-api, Failed, image not found, 2 of 14". */
export function nameOf(n: Node, position: number, setSize: number): string {
  const message = isCalm(n) ? '' : n.message || (n.reason ? spaced(n.reason) : '')
  const head = n.folded || (n.role === 'group' && n.kind !== 'Node') ? titleOf(n) : `${n.kind} ${n.name}`
  const facts = n.folded ? foldText(n) : (n.facts?.[0] ?? '')
  return [head, n.folded || (n.role === 'outside' && n.health === '') ? '' : stateOf(n), message, facts, `${position} of ${setSize}`].filter((s) => s !== '').join(', ')
}

/** An object's ID in parts: Kind.group/namespace/name, Kind/name. */
export interface ObjectRef {
  readonly kind: string
  readonly group: string
  readonly namespace: string
  readonly name: string
}

export function parseID(id: string): ObjectRef {
  const parts = id.split('/')
  const [kindGroup = '', ...rest] = parts
  const dot = kindGroup.indexOf('.')
  const kind = dot < 0 ? kindGroup : kindGroup.slice(0, dot)
  const group = dot < 0 ? '' : kindGroup.slice(dot + 1)
  const name = rest.at(-1) ?? ''
  return { kind, group, namespace: rest.length > 1 ? rest.slice(0, -1).join('/') : '', name }
}

/** The ID of what engine answers name by parts. */
export function formatID(o: { group?: string | undefined; kind: string; namespace?: string | undefined; name: string }): string {
  const kind = o.group ? `${o.kind}.${o.group}` : o.kind
  return o.namespace ? `${kind}/${o.namespace}/${o.name}` : `${kind}/${o.name}`
}

/** Deployment payments-api: short, for people. */
export function shortID(id: string): string {
  const { kind, name } = parseID(id)
  return name === '' ? id : `${kind} ${name}`
}

/** A long chain of causes cut to its beginning and its end: "a: b: c: … z". Short texts stay. */
export function gist(text: string, most = 150): string {
  if (text.length <= most) return text
  const parts = text.split(': ')
  const last = parts.at(-1)!
  if (parts.length < 3 || last.length > most / 2) return `${text.slice(0, most - 1)}…`
  let head = parts[0]!
  for (let i = 1; i < parts.length - 1 && head.length + parts[i]!.length + last.length + 6 <= most; i++) head += `: ${parts[i]!}`
  return `${head.slice(0, most)}: … ${last}`
}

/** Whether what is to be done next is a command; else it is words. */
export function isCommand(next: string): boolean {
  return /^(plumb|kubectl|git|helm) /.test(next)
}

import { covers, parsePath, rulePath, type Step } from './fieldpath'
import { toYAML } from './toyaml'
import type { FieldDiff, ObjectDiff } from './types'
import { counted, parseID } from './words'

/** The two sides of a comparison, as the API names them. */
export interface Compared {
  readonly left: string
  readonly right: string
}

/** Which side of a comparison is what runs; undefined: neither. */
export function liveSide(c: Compared): 'left' | 'right' | undefined {
  if (c.left === c.right) return undefined
  if (c.right === 'live') return 'right'
  return c.left === 'live' ? 'left' : undefined
}

/** The fields of an object that others changed, where what runs is compared with something. None of a Secret's. */
export function driftOf(o: ObjectDiff, c: Compared): FieldDiff[] {
  if (o.secret || o.action !== 'changed' || liveSide(c) === undefined || parseID(o.object).kind === 'Secret') return []
  return (o.fields ?? []).filter((f) => f.class === 'drift')
}

export interface Patch {
  /** Lines of a manifest that say of the object what runs now. */
  readonly yaml: string
  /** Paths that a patch cannot say, with why. */
  readonly left: readonly { readonly path: string; readonly why: string }[]
}

/** What a comment may hold: one line, no control characters. */
const comment = (s: string) => s.replace(/[^\P{C}]/gu, '�')

/**
 * The live values of drifted fields as a patch of the object's manifest (a strategic merge: list elements by their key, null
 * where live has nothing), with its identity, and the file that it belongs to in a comment.
 */
export function patchOf(o: ObjectDiff, c: Compared, apiVersion: string, file: string | undefined): Patch {
  const id = parseID(o.object)
  const side = liveSide(c)
  const root: Tree = { map: new Map() }
  const left: { path: string; why: string }[] = []
  for (const f of driftOf(o, c)) {
    const steps = parsePath(f.path)
    const why = steps === undefined || steps.some((s) => 'index' in s) ? 'an element of a list without a key: change it by hand' : f.cut ? 'its value is too long to be shown here whole' : ''
    if (why !== '' || steps === undefined) left.push({ path: f.path, why: why || 'its path is not understood' })
    else put(root, steps, side === 'left' ? f.left : f.right)
  }
  const meta: Record<string, unknown> = { name: id.name, ...(id.namespace === '' ? {} : { namespace: id.namespace }) }
  const body = plainOf(root) as Record<string, unknown>
  const { metadata, ...rest } = body
  const lines = [
    `# What runs now, for Git. ${file ? `It comes from ${comment(file)}` : 'Which file it comes from is not known.'}`,
    ...left.map((l) => `# not in it: ${comment(l.path)} (${l.why})`),
    toYAML({ apiVersion, kind: id.kind, metadata: { ...meta, ...(isRecord(metadata) ? metadata : {}) }, ...rest }),
  ]
  return { yaml: lines.join('\n') + '\n', left }
}

const isRecord = (v: unknown): v is Record<string, unknown> => typeof v === 'object' && v !== null && !Array.isArray(v)

/** A patch as it grows: maps, and lists of elements by their keys. */
interface Tree {
  map?: Map<string, Tree>
  list?: { keys: Readonly<Record<string, string>>; at: Tree }[]
  value?: { set: unknown }
}

function put(root: Tree, steps: readonly Step[], value: unknown): void {
  let at = root
  for (const s of steps) {
    if ('field' in s) {
      at.map ??= new Map()
      let next = at.map.get(s.field)
      if (next === undefined) at.map.set(s.field, (next = {}))
      at = next
    } else if ('keys' in s) {
      at.list ??= []
      const text = JSON.stringify(s.keys)
      let next = at.list.find((e) => JSON.stringify(e.keys) === text)
      if (next === undefined) at.list.push((next = { keys: s.keys, at: {} }))
      at = next.at
    }
  }
  at.value = { set: value }
}

function plainOf(t: Tree): unknown {
  if (t.value !== undefined) return t.value.set ?? null
  if (t.list !== undefined) return t.list.map((e) => elementOf(e.keys, plainOf(e.at)))
  return Object.fromEntries([...(t.map ?? [])].map(([k, v]) => [k, plainOf(v)]))
}

function elementOf(keys: Readonly<Record<string, string>>, body: unknown): unknown {
  const named = Object.fromEntries(Object.entries(keys).map(([k, v]) => [k, /port$/i.test(k) && /^\d+$/.test(v) ? Number(v) : v]))
  if (body === null) return { $patch: 'delete', ...named }
  return isRecord(body) ? { ...named, ...body } : body
}

// ---- rules that ignore

/** What somebody wants to be left to others: on this object or all of its kind, one field or all of a tool. */
export interface IgnoreWish {
  readonly object: string
  readonly path: string
  readonly owner: string
  readonly every: boolean
  readonly by: 'field' | 'manager'
}

/** The lines to add to an App's spec, and the annotation that says the same in the object's own manifest where there is one. */
export function ignoreLines(w: IgnoreWish, have: number): { spec: string; annotation: string | undefined; widened: boolean } {
  const id = parseID(w.object)
  const { path, widened } = rulePath(w.path)
  const rule = {
    ...(id.group === '' ? {} : { group: id.group }), kind: id.kind, ...(w.every ? {} : { namespace: id.namespace || undefined, name: id.name }),
    ...(w.by === 'field' ? { paths: [path] } : { managers: [w.owner] }),
  }
  const note = have > 0 ? `    # after the ${counted(have, 'rule')} that ${have === 1 ? 'is' : 'are'} there\n` : ''
  const spec = `spec:\n  ignore:\n${note}${toYAML([rule], 2)}\n`
  const annotation = w.every || w.by === 'manager' ? undefined : `${toYAML({ metadata: { annotations: { 'plumb.cd/ignore-fields': path } } })}\n`
  return { spec, annotation, widened }
}

/** Which differing fields a rule would leave to others, by object. Only what counts now: drift, and what Git wants otherwise. */
export function wouldIgnore(w: IgnoreWish, objects: readonly ObjectDiff[]): { object: string; paths: string[] }[] {
  const id = parseID(w.object)
  const rule = rulePath(w.path).path
  const out: { object: string; paths: string[] }[] = []
  for (const o of objects) {
    const at = parseID(o.object)
    if (at.kind !== id.kind || at.group !== id.group || (!w.every && o.object !== w.object)) continue
    const paths = (o.fields ?? [])
      .filter((f) => (f.class === 'drift' || f.class === 'ours') && (w.by === 'field' ? covers(rule, f.path) : f.owner === w.owner))
      .map((f) => f.path)
    if (paths.length > 0) out.push({ object: o.object, paths })
  }
  return out
}

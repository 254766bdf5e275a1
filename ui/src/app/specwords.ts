import type { AppSpec } from './queries'

/** One thing that a spec says, in words. */
export interface Fact {
  readonly title: string
  readonly lines: readonly string[]
}

type Raw = Record<string, unknown>
const obj = (v: unknown): Raw => (typeof v === 'object' && v !== null && !Array.isArray(v) ? (v as Raw) : {})
const arr = (v: unknown): unknown[] => (Array.isArray(v) ? v : [])
const str = (v: unknown): string => (typeof v === 'string' ? v : typeof v === 'number' ? String(v) : '')

/** Says a spec in words: what runs where, from what, and by which rules. Whatever is not known here is in the YAML. */
export function specWords(spec: AppSpec): Fact[] {
  const out: Fact[] = [sources(spec), destination(spec), sync(spec)]
  const add = (title: string, lines: string[]) => {
    if (lines.length > 0) out.push({ title, lines })
  }
  add('Waits for', arr(spec.dependsOn).map(dependency))
  add('Health rules of its own', arr(spec.health).map((r) => rule(obj(r))))
  add('Fields left to others', arr(spec.ignore).map((r) => ignored(obj(r))))
  const vars = Object.keys(obj(obj(spec.substitute).vars))
  add('Variables', vars.length > 0 ? [`replaced in the rendered objects: ${vars.join(', ')}`] : [])
  add('Held', Object.keys(obj(spec.hold)).length > 0 ? [hold(obj(spec.hold))] : [])
  add('Stopped', spec.suspend === true ? ['It is suspended: no new revision, no healing.'] : [])
  return out
}

function sources(spec: AppSpec): Fact {
  const list = spec.source !== undefined ? [spec.source] : arr(spec.sources)
  return { title: list.length > 1 ? 'Sources' : 'Source', lines: list.map((s) => source(obj(s))) }
}

function source(s: Raw): string {
  const where = str(s.repository) || str(s.url) || str(obj(s.chart).url) || str(obj(s.chart).repository)
  const ref = obj(s.ref)
  const chart = obj(s.chart)
  const at = str(s.revision) || str(ref.branch) || str(ref.tag) || str(ref.commit) || str(ref.name) || str(ref.semver) || str(chart.version)
  const name = str(s.name) ? `${str(s.name)}: ` : ''
  const path = str(s.path) || str(chart.name)
  return `${name}${where}${path ? `, ${path}` : ''}${at ? `, at ${at}` : ''}${s.valuesOnly === true ? ' (values for other sources)' : ''}`
}

function destination(spec: AppSpec): Fact {
  const d = obj(spec.destination)
  return { title: 'Goes to', lines: [`cluster ${str(d.cluster) || 'in-cluster'}${str(d.namespace) ? `, namespace ${str(d.namespace)}` : ''}`] }
}

const modes: Record<string, string> = {
  Auto: 'Each new revision is applied at once.', Approve: 'Each plan waits until somebody approves exactly that plan.', Manual: 'Nothing is applied until somebody asks for a sync.',
}

function sync(spec: AppSpec): Fact {
  const s = obj(spec.sync)
  const lines = [modes[str(s.mode) || 'Auto'] ?? `Mode ${str(s.mode)}.`]
  lines.push(s.prune === false ? 'What is no longer in Git stays.' : `What is no longer in Git is deleted${str(s.pruneLimit) ? `; more than ${str(s.pruneLimit)} of the objects at once wait for approval` : ''}.`)
  lines.push(s.heal === false ? 'Changes by others are reported, not undone.' : 'Changes by others are undone.')
  if (s.createNamespace === true) lines.push('The namespace is created when it is not there.')
  if (s.adopt === true) lines.push('Objects that belong to nobody are taken over.')
  if (s.force === true) lines.push('An object is deleted and created again when an immutable field changed.')
  if (s.replace === true) lines.push('Objects are replaced as a whole.')
  const times = [['deadline', 'an attempt'], ['waveDeadline', 'a wave'], ['hookDeadline', 'a hook']].filter(([k]) => str(s[k!])).map(([k, what]) => `${what} ${str(s[k!])}`)
  if (times.length > 0) lines.push(`At most: ${times.join(', ')}.`)
  if (spec.rollbackOnFailure === true) lines.push('A revision that is not healthy by its deadline is rolled back.')
  if (str(spec.deletion) === 'Orphan') lines.push('When the App is deleted, its objects stay.')
  return { title: 'How', lines }
}

function dependency(d: unknown): string {
  const app = obj(obj(d).app)
  const o = obj(obj(d).object)
  if (str(app.name)) return `App ${[str(app.namespace), str(app.name)].filter(Boolean).join('/')} to be Synced`
  return `${str(o.kind)} ${[str(o.namespace), str(o.name)].filter(Boolean).join('/')} to be healthy`
}

function rule(r: Raw): string {
  const kind = [str(r.kind), str(r.group)].filter(Boolean).join('.')
  const cel = Object.entries(obj(r.cel)).map(([k, v]) => (k === 'level' ? `as ${short(v)} says` : `${k} when ${short(v)}`))
  const lua = str(r.lua) ? ['by a script'] : []
  return [kind, ...cel, ...lua].filter(Boolean).join(', ')
}

function ignored(r: Raw): string {
  const what = [str(r.kind), str(r.name)].filter(Boolean).join(' ') || 'any object'
  const fields = [...arr(r.paths), ...arr(r.pointers)].map(str).filter(Boolean)
  const managers = arr(r.managers).map(str).filter(Boolean)
  return `${what}: ${fields.join(', ') || 'all fields'}${managers.length > 0 ? `, of ${managers.join(', ')}` : ''}`
}

function hold(h: Raw): string {
  const on = str(h.revision).slice(0, 12) || str(h.bundle).slice(0, 19)
  return `on ${on}${str(h.owner) ? ` by ${str(h.owner)}` : ''}${str(h.reason) ? `: ${str(h.reason)}` : ''}${str(h.until) ? `, until ${str(h.until)}` : ''}`
}

function short(v: unknown): string {
  const text = typeof v === 'string' ? v : JSON.stringify(v)
  return text.length > 160 ? `${text.slice(0, 157)}…` : text
}

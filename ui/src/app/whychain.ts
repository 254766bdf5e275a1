import type { AppView, ChildView, CommitRef, Diff, Excerpt, Health, ObjectView, Why, WhyEvent } from './types'
import { counted, formatID, gist, shortID, spaced } from './words'

/** The steps from a commit to what runs, in their order. */
export const stepKeys = ['commit', 'file', 'render', 'apply', 'admission', 'live', 'health', 'gate'] as const
export type StepKey = (typeof stepKeys)[number]

/** ok: done and well. bad: the cause is here. wait: under way. off: not reached, or not known. */
export type StepStatus = 'ok' | 'bad' | 'wait' | 'off'

export interface ChainStep {
  readonly key: StepKey
  readonly title: string
  readonly status: StepStatus
  /** One sentence. */
  readonly text: string
  /** What to say first when this is the cause; else the text. */
  readonly blame?: string
  /** More, a line each. */
  readonly lines?: readonly string[]
  readonly at?: string | undefined
  readonly commit?: CommitRef
  /** file:line */
  readonly file?: string
  readonly excerpt?: Excerpt
  /** The tab that tells more. */
  readonly tab?: 'diff' | 'live' | 'events' | 'blame' | 'logs'
}

export interface ChainInput {
  readonly why: Why
  /** Where the App stands, for gates. */
  readonly app?: AppView | undefined
  /** A child that a controller made of why.object: the chain is its owner's, its health its own. */
  readonly child?: Child | undefined
  /** Of this object, git against live, where it is known: it tells admission and drift apart. */
  readonly diff?: Diff | undefined
}

/** An object that stems from one of ours. `by` is what made it. */
export interface Child {
  readonly by: string
  readonly health: Health
  readonly events: readonly WhyEvent[]
  readonly children: readonly ChildView[]
  readonly gone?: boolean
}

/** The child of this ID among what stems from an object, with its parent. */
export function findChild(o: ObjectView, id: string): Child | undefined {
  const stack = (o.children ?? []).map((c) => ({ c, by: formatID(o.id) }))
  while (stack.length > 0) {
    const { c, by } = stack.pop()!
    if (formatID(c.id) === id) return { by, health: c.health, events: c.events ?? [], children: c.children ?? [] }
    for (const below of c.children ?? []) stack.push({ c: below, by: formatID(c.id) })
  }
  return undefined
}

const titles: Record<StepKey, string> = {
  commit: 'Commit', file: 'File', render: 'Render', apply: 'Apply', admission: 'Admission', live: 'Live', health: 'Health', gate: 'Gate',
}

type Body = Omit<ChainStep, 'key' | 'title'>

/** The chain of causes. Every step is in it, whatever is known. */
export function chain(input: ChainInput): ChainStep[] {
  const makers: Record<StepKey, (i: ChainInput) => Body> = { commit, file, render, apply, admission, live, health, gate }
  return stepKeys.map((key) => ({ key, title: titles[key], ...makers[key](input) }))
}

/** The steps to look at first: the bad ones, else those that wait. */
export function culprits(steps: readonly ChainStep[]): ChainStep[] {
  // A place without words of its own is part of the next step's answer.
  const bad = steps.filter((s) => s.status === 'bad' && s.text !== '')
  return bad.length > 0 ? bad : steps.filter((s) => s.status === 'wait')
}

/** The first of them. */
export function culprit(steps: readonly ChainStep[]): ChainStep | undefined {
  return culprits(steps)[0]
}

function commit({ why }: ChainInput): Body {
  const source = why.source?.map((r) => [r.url, r.path, r.ref].filter(Boolean).join('  '))
  const more = source && source.length > 0 ? { lines: source } : {}
  if (why.commit === undefined) {
    const chartOrCommit = why.source?.[0]?.commit
    return { status: chartOrCommit ? 'ok' : 'off', text: chartOrCommit ?? 'No revision was read yet.', ...more }
  }
  const c = why.commit
  return { status: 'ok', text: '', commit: { sha: c.sha, subject: c.subject, author: c.author, when: c.when }, ...more }
}

function file({ why, child }: ChainInput): Body {
  const f = why.object?.file
  if (f && child) return { status: 'ok', text: `It says ${shortID(formatID(why.object!.id))}, which this stems from.`, file: f }
  if (f) return { status: why.render?.error ? 'bad' : 'ok', text: '', file: f, tab: 'blame' }
  if (why.object === undefined && why.excerpt) return { status: 'bad', text: '', file: `${why.excerpt.file}:${why.excerpt.line}` }
  if (why.object === undefined) return { status: 'off', text: 'The App as a whole: its objects have a file each.' }
  return { status: 'off', text: 'It stands in no file: a controller made it, or Git no longer has it.' }
}

function render({ why }: ChainInput): Body {
  const r = why.render
  if (r === undefined) return { status: 'off', text: 'Nothing was rendered yet.' }
  if (r.error) return { status: 'bad', text: r.error, ...(why.excerpt ? { excerpt: why.excerpt } : {}) }
  if (!r.renderer && r.objects === 0) return { status: 'off', text: 'Nothing was rendered yet.' }
  const took = r.took > 0 ? `, ${milliseconds(r.took / 1e6)}` : ''
  return {
    status: 'ok', text: `${renderers[r.renderer] ?? (r.renderer || 'Rendered')}, ${counted(r.objects, 'object')}${took}`,
    ...(why.warnings && why.warnings.length > 0 ? { lines: why.warnings } : {}),
  }
}

const renderers: Record<string, string> = { Plain: 'Plain manifests', plain: 'Plain manifests' }

function milliseconds(ms: number): string {
  return ms < 1 ? `${ms.toFixed(2)} ms` : ms < 10_000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`
}

function apply({ why }: ChainInput): Body {
  const step = why.apply
  if (why.render?.error && step === undefined) return { status: 'off', text: 'Not reached: there is nothing to apply from this revision.' }
  if (step !== undefined) {
    if (step.error) return { status: 'bad', text: step.error, at: why.appliedAt }
    return { status: 'ok', text: [step.action, step.why && `(${step.why})`].filter(Boolean).join(' '), at: why.appliedAt, tab: 'diff' }
  }
  const at = why.attempt
  if (at === undefined) return { status: 'off', text: 'Nothing was applied yet.' }
  if (!at.outcome) return { status: 'wait', text: `Attempt ${at.id} is running.`, at: at.started }
  if (at.outcome === 'Failed') {
    // An attempt that failed by health was applied: the cause stands below.
    const unhealthy = why.object !== undefined && why.object.health.level !== 'Healthy' && !why.object.missing
    return { status: unhealthy ? 'ok' : 'bad', text: unhealthy ? 'Applied; it did not become healthy.' : (at.message ?? 'The attempt failed.'), at: at.ended }
  }
  return { status: at.outcome === 'Succeeded' ? 'ok' : 'off', text: at.message ? `${at.outcome}: ${at.message}` : at.outcome, at: at.ended }
}

function fieldsOf(diff: Diff | undefined, cls: string): { n: number; owners: string[] } {
  const object = diff?.objects[0]
  const owners = new Set<string>()
  for (const f of object?.fields ?? []) if (f.class === cls && f.owner) owners.add(f.owner)
  return { n: object?.counts?.[cls] ?? 0, owners: [...owners] }
}

function admission({ why, diff }: ChainInput): Body {
  if (why.object === undefined || why.object.missing) return { status: 'off', text: 'Not reached.' }
  if (why.apply?.error) return { status: 'off', text: 'Not reached: the API server refused it.' }
  if (diff === undefined) return { status: 'off', text: 'Not compared yet.' }
  const mutated = fieldsOf(diff, 'mutated')
  const defaulted = fieldsOf(diff, 'defaulted')
  const filled = defaulted.n > 0 ? `${counted(defaulted.n, 'field')} filled in by the API server.` : ''
  if (mutated.n === 0) return { status: 'ok', text: ['Stored as it was sent.', filled].filter(Boolean).join(' ') }
  const by = mutated.owners.length > 0 ? ` by ${mutated.owners.join(', ')}` : ''
  return { status: 'ok', text: `${counted(mutated.n, 'field')} changed on the way in${by}. ${filled}`.trim(), tab: 'diff' }
}

function live({ why, diff, child }: ChainInput): Body {
  const o = why.object
  if (child) return { status: 'ok', text: `Made by ${shortID(child.by)}. Git says nothing about it itself.`, tab: 'live' }
  if (o === undefined) return { status: 'off', text: 'The App as a whole.' }
  if (o.missing) return { status: why.render?.error || why.apply === undefined ? 'off' : 'bad', text: 'It is not in the cluster.' }
  const lines = why.drift?.map((d) => [d.kind, d.message].filter(Boolean).join(': ')) ?? []
  if (o.yielded && o.yielded.length > 0) lines.unshift(`left to other managers: ${o.yielded.join(', ')}`)
  const more = lines.length > 0 ? { lines } : {}
  const drifted = fieldsOf(diff, 'drift')
  if (!o.inSync || drifted.n > 0) {
    const by = drifted.owners.length > 0 ? `, by ${drifted.owners.join(', ')}` : ''
    return { status: 'bad', text: `${drifted.n > 0 ? counted(drifted.n, 'field') : 'It'} ${drifted.n > 1 ? 'differ' : 'differs'} from what was applied${by}.`, tab: 'diff', ...more }
  }
  return { status: 'ok', text: 'As it was applied.', tab: 'live', ...more }
}

function health({ why, child }: ChainInput): Body {
  const o = why.object
  if (child) return healthOf(child.health, child.children, child.events, undefined)
  if (o === undefined) {
    const bad = ['Failed', 'Degraded'].includes(why.state) && !why.render?.error
    return { status: bad ? 'bad' : why.state === 'Synced' ? 'ok' : 'off', text: why.state === 'Synced' ? why.message : bad ? why.message : 'Not known.' }
  }
  if (o.missing) return { status: 'off', text: 'Nothing there to be healthy.' }
  return healthOf(o.health, o.children ?? [], why.events ?? [], o.since)
}

function healthOf(h: Health, children: readonly ChildView[], events: readonly WhyEvent[], since: string | undefined): Body {
  const text = [h.level, h.reason && h.reason !== h.level ? spaced(h.reason) : '', h.message].filter(Boolean).join(' · ')
  const warnings = events.filter((e) => e.type !== 'Normal').slice(0, 3).map((e) => `${spaced(e.reason)}: ${e.message}`)
  const below = h.level === 'Healthy' ? [] : causes(children)
  const lines = [...below, ...warnings]
  const status = h.level === 'Healthy' ? 'ok' : h.level === 'Suspended' ? 'wait' : h.level === 'Progressing' && !hasDegraded(children) ? 'wait' : 'bad'
  return { status, text, at: since, tab: 'events', ...(lines.length > 0 ? { lines } : {}), ...(status === 'ok' ? {} : { blame: below[0] ?? gist(h.message || text) }) }
}

/** Whether something below will not become well by waiting. */
function hasDegraded(children: readonly ChildView[]): boolean {
  return children.some((c) => c.health.level === 'Degraded' || hasDegraded(c.children ?? []))
}

/** Walks down to the children that are to blame, at most four. */
export function causes(children: readonly ChildView[]): string[] {
  const out: string[] = []
  for (const c of children) {
    if (c.health.level === 'Healthy' || out.length >= 4) continue
    const below = causes(c.children ?? [])
    if (below.length > 0) {
      out.push(...below)
      continue
    }
    const event = c.health.message ? undefined : (c.events ?? []).find((e) => e.type !== 'Normal')
    const said = gist(c.health.message || spaced(c.health.reason ?? '') || c.health.level)
    out.push(`${shortID(formatID(c.id))}: ${said}${event ? ` ← ${event.reason}: ${gist(event.message)}` : ''}`)
  }
  return out.slice(0, 4)
}

function gate({ why, app }: ChainInput): Body {
  const state = app?.state ?? why.state
  const waiting = app?.progress?.waiting?.map((w) => `${shortID(formatID(w.object))} to be ${w.for}${w.message ? `: ${w.message}` : ''}`) ?? []
  if (state === 'Waiting' || state === 'Paused') return { status: 'wait', text: app?.message ?? why.message, at: app?.since, ...(waiting.length > 0 ? { lines: waiting } : {}) }
  if (waiting.length > 0) return { status: 'wait', text: `The next wave waits for ${waiting[0]}.`, lines: waiting.slice(1) }
  return { status: 'ok', text: 'Nothing stands in the way.' }
}

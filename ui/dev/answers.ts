import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AppRow, Change, Deployment, DORA } from '../src/api/types'
import { answerApp } from './app'
import { counts, fleet, letter, match, order, sha } from './fleet'

const rows = fleet(Number(process.env.MOCK_APPS ?? 120)).sort((a, b) => order.indexOf(a.state) - order.indexOf(b.state) || b.since.localeCompare(a.since))
const epoch = 'mock'
let seq = 1
const back = (s: number) => new Date(Date.now() - s * 1000).toISOString()
const key = (r: AppRow) => `${r.namespace}/${r.name}`

function page(q: URLSearchParams) {
  let hits = match(rows, q.get('filter') ?? '')
  if (q.get('sort') === 'name') hits = [...hits].sort((a, b) => a.name.localeCompare(b.name))
  if (q.get('sort') === '-name') hits = [...hits].sort((a, b) => b.name.localeCompare(a.name))
  if (q.get('sort') === 'deployed') hits = [...hits].sort((a, b) => (b.deployedAt ?? '').localeCompare(a.deployedAt ?? ''))
  const from = Number(q.get('cursor') || 0)
  const limit = Number(q.get('limit') || 100)
  const terms = (q.get('filter') ?? '').split(/\s+/).filter(Boolean)
  const hint = hits.length === 0 && terms.length > 0 ? { term: terms[terms.length - 1]!, without: match(rows, terms.slice(0, -1).join(' ')).length } : undefined
  return { items: hits.slice(from, from + limit), next: from + limit < hits.length ? String(from + limit) : undefined, total: hits.length, epoch, seq, hint }
}

function facets(q: URLSearchParams) {
  const filter = q.get('filter') ?? ''
  const one = (k: string) => {
    const n = new Map<string, number>()
    for (const r of match(rows, filter, k)) {
      const v = k.startsWith('label:') ? r.labels?.[k.slice(6)] : String((r as unknown as Record<string, unknown>)[k] ?? '')
      if (v) n.set(v, (n.get(v) ?? 0) + 1)
    }
    return { key: k, values: [...n].map(([v, count]) => ({ value: v, count })).sort((a, b) => b.count - a.count).slice(0, 20) }
  }
  return { total: match(rows, filter).length, facets: ['state', 'health', 'sync', 'namespace', 'cluster', 'environment', 'label:team'].map(one) }
}

function wall(q: URLSearchParams) {
  const hits = match(rows, q.get('filter') ?? '')
  const by = (q.get('group') || 'cluster') as 'cluster'
  const groups = new Map<string, AppRow[]>()
  for (const r of hits) groups.set(r[by] ?? '', [...(groups.get(r[by] ?? '') ?? []), r])
  const causes = new Map<string, AppRow[]>()
  for (const r of hits.filter((h) => h.state !== 'Synced')) causes.set(r.state + ' ' + r.reason, [...(causes.get(r.state + ' ' + r.reason) ?? []), r])
  return {
    total: hits.length, counts: counts(hits),
    groups: [...groups].sort().map(([name, of]) => ({ name, cells: of.map((r) => letter[r.state]).join(''), apps: of.length <= 500 ? of.map(key) : undefined })),
    problems: hits.filter((h) => h.state !== 'Synced').slice(0, 200),
    causes: [...causes.values()].filter((c) => c.length > 1).map((c) => ({ state: c[0]!.state, reason: c[0]!.reason ?? '', message: c[0]!.message ?? '', count: c.length, apps: c.slice(0, 10).map(key), filter: `state:${c[0]!.state.toLowerCase()} reason:${c[0]!.reason}` })),
    day: { deployments: 214, failed: 3, rolledBack: 1, drift: 7, leadTime: 2460 },
  }
}

function deployments(n: number): Deployment[] {
  return Array.from({ length: n }, (_, i) => {
    const r = rows[i % rows.length]!
    return { id: 'a' + i, app: key(r), started: back(i * 3000 + 60), ended: back(i * 3000), duration: 60, outcome: i % 9 === 4 ? 'Failed' : 'Succeeded', mode: 'Sync', trigger: 'commit', bundle: 'sha256:' + sha(), commit: r.commit, leadTime: 300 + ((i * 137) % 4000) }
  })
}

function dora(): DORA {
  const days = Array.from({ length: 30 }, (_, i) => {
    const n = 3 + ((i * 7) % 11)
    return { day: new Date(Date.now() - (29 - i) * 86400_000).toISOString().slice(0, 10), deployments: n, failures: i % 6 === 2 ? 2 : i % 4 === 0 ? 1 : 0, leadTime: 900 + ((i * 431) % 3000), drift: i % 5 === 1 ? 3 : 0 }
  })
  return {
    from: back(30 * 86400), to: back(0), scope: 'the fleet', deployments: 241, perDay: 8.03, leadTime: { n: 220, p50: 2460, p90: 9100 }, failureRate: 0.062, failures: 15, failed: 11, degraded: 3, rolledBack: 1, open: 0, rollbacks: 1, superseded: 4, cancelled: 0, restore: { n: 12, p50: 780, p90: 5400 }, drift: 18, days,
    definitions: [
      { measure: 'Deployment frequency', text: 'Deployments that ended, by day. Healing drift is none.' },
      { measure: 'Lead time', text: 'From the newest commit that touched the App to the moment when all its objects were healthy.' },
      { measure: 'Change failure rate', text: 'Deployments that failed, were rolled back, or after which the App was Degraded within 60 minutes, of all.' },
      { measure: 'Time to restore', text: 'From a failure to the next healthy deployment of the App.' },
      { measure: 'Drift', text: 'Objects that somebody changed on what we own.' },
    ],
    sample: deployments(12),
  }
}

function changes(q: URLSearchParams) {
  const kinds = ['deployment', 'drift', 'healed', 'request', 'revision', 'failure', 'fight', 'rollback']
  let all: Change[] = Array.from({ length: 400 }, (_, i) => {
    const kind = kinds[(i * 5) % 8]!
    const r = rows[(i * 3) % rows.length]!
    const drift = kind === 'drift' || kind === 'healed' || kind === 'fight'
    return {
      seq: 1000 - i, at: back(i * 700), kind, app: key(r), object: drift ? `apps/Deployment/${r.namespace}/${r.component}` : undefined, actor: kind === 'request' || kind === 'rollback' ? 'ana@example.com' : undefined,
      manager: drift ? (kind === 'fight' ? 'kube-controller-manager' : 'kubectl-edit') : undefined, outcome: kind === 'failure' ? 'Failed' : kind === 'request' ? 'sync' : undefined,
      message: kind === 'fight' ? 'reverted again and again: an autoscaler wants this field' : kind === 'deployment' ? 'bump to 2.14.1' : kind === 'failure' ? r.message ?? 'render failed' : undefined,
      fields: drift ? [{ path: '.spec.replicas', left: 4, right: 6, class: 'drift', owner: 'kubectl-edit' }] : undefined, commit: kind === 'deployment' || kind === 'revision' ? r.commit?.sha : undefined,
      repeats: kind === 'fight' ? 41 : undefined, first: kind === 'fight' ? back(i * 700 + 600) : undefined,
    }
  })
  const want = q.getAll('kind')
  if (want.length > 0) all = all.filter((c) => want.includes(c.kind))
  const from = Number(q.get('cursor') || 0)
  return { items: all.slice(from, from + 100), next: from + 100 < all.length ? String(from + 100) : undefined, total: all.length }
}

const problem = { status: 0, reason: 'Unreachable', message: 'dial tcp 10.2.0.1:6443: connect: connection refused', next: 'kubectl --context prod-ap get --raw /readyz' }

function read(path: string, q: URLSearchParams): unknown {
  switch (path) {
    case 'me':
      return { name: 'ana@example.com', groups: ['payments', 'sre'], csrf: 'x', signOut: 'auth/signout' }
    case 'signin':
      return { oidc: [{ name: 'Example SSO', path: 'auth/oidc/example' }, { name: 'Old SSO', path: 'auth/oidc/old', down: 'discovery: connection refused' }], token: true }
    case 'me/can':
      return { app: q.get('app') ?? undefined, verbs: Object.fromEntries(q.getAll('verb').map((v) => [v, v !== 'approve'])) }
    case 'version':
      return { version: 'devel' }
    case 'apps':
      return page(q)
    case 'apps/facets':
      return facets(q)
    case 'apps/wall':
      return wall(q)
    case 'search':
      return { items: match(rows, q.get('q') ?? '').slice(0, 12).map((r) => ({ kind: 'app', title: r.name, where: r.namespace, state: r.state, path: `/a/${r.namespace}/${r.name}` })) }
    case 'changes':
      return changes(q)
    case 'dora':
      return dora()
    case 'clusters':
      return { items: [...new Set(rows.map((r) => r.cluster))].sort().map((name, i) => ({ name, connected: i !== 1, version: 'v1.34.2', since: back(7200 * (i + 1)), problem: i === 1 ? problem : undefined, apps: rows.filter((r) => r.cluster === name).length, states: counts(rows.filter((r) => r.cluster === name)), kinds: 24 + i, objects: 1200 * (i + 1) })) }
    case 'repositories':
      return { items: ['deploy', 'platform', 'charts'].map((name, i) => ({ namespace: 'platform', name, url: `https://git.example.com/${name}.git`, checked: back(12), changed: back(3600 * (i + 1)), refs: [{ ref: 'refs/heads/main', commit: sha() }], apps: 40 * (3 - i), problem: i === 2 ? { status: 0, reason: 'GitUnreachable', message: 'fatal: could not read Username: terminal prompts disabled', where: 'https://git.example.com/charts.git', next: 'give the Repository a secret with username and password' } : undefined })) }
    case 'channels':
      return { items: [{ namespace: 'platform', name: 'sre', type: 'Slack', target: 'hooks.slack.example', waiting: 0, sent: back(900) }, { namespace: 'platform', name: 'mail', type: 'Email', target: 'mail.example.com', waiting: 3, problem: { status: 0, reason: 'ChannelFailed', message: '554 relay access denied' } }] }
  }
  const app = /^apps\/([^/]+)\/([^/]+)$/.exec(path)
  if (app) return rows.find((r) => r.namespace === decodeURIComponent(app[1]!) && r.name === decodeURIComponent(app[2]!))
  if (/^apps\/[^/]+\/[^/]+\/plan$/.test(path)) return { digest: 'sha256:' + sha(), at: back(0), empty: false, friction: 'list', counts: { create: 1, update: 1, delete: 1, replace: 0, hooks: 0 }, steps: [{ action: 'update', object: 'apps/Deployment/shop/web', phase: 'sync', wave: 0, reason: 'image 2.14.0 → 2.14.1' }, { action: 'create', object: 'policy/PodDisruptionBudget/shop/web', phase: 'sync', wave: 0 }, { action: 'delete', object: 'ConfigMap/shop/feature-flags-old', phase: 'prune', wave: 0, reason: 'no longer in Git' }] }
  if (/\/test$/.test(path)) return path.startsWith('channels') ? { ok: false, problem: { status: 0, reason: 'ChannelFailed', message: '554 relay access denied' } } : { ok: true, took: 0.42, refs: 31 }
  if (/\/(sync|refresh)$/.test(path)) return { id: 'r1' }
  return undefined
}

/** answer is one call of the mock. */
export function answer(req: IncomingMessage, res: ServerResponse) {
  const url = new URL(req.url ?? '/', 'http://mock')
  const path = url.pathname.replace('/api/v1/', '')
  if (path === 'stream') return stream(req, res)
  if (answerApp(req, res, path, url.searchParams, rows)) return
  const body = read(path, url.searchParams)
  res.setHeader('Content-Type', 'application/json')
  res.statusCode = body === undefined ? 404 : 200
  res.end(JSON.stringify(body ?? { status: 404, reason: 'NotFound', message: `the mock has no ${path}` }))
}

function stream(req: IncomingMessage, res: ServerResponse) {
  res.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' })
  res.write(': hello\n\n')
  const beat = setInterval(() => res.write(': beat\n\n'), 15_000)
  const news = setInterval(() => {
    const r = rows[Math.floor(Math.random() * Math.min(60, rows.length))]!
    r.since = new Date().toISOString()
    if (r.state === 'Synced') r.state = 'Deploying'
    else if (r.state === 'Deploying') r.state = 'Synced'
    res.write(`id: ${epoch}-${++seq}\nevent: apps\ndata: ${JSON.stringify({ rows: [r], counts: counts(rows) })}\n\n`)
  }, Number(process.env.MOCK_NEWS ?? 3000))
  req.on('close', () => {
    clearInterval(beat)
    clearInterval(news)
  })
}

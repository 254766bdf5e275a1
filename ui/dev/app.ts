import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AppRow, Node } from '../src/api/types'

// One App that nobody runs, with everything wrong that can be: for the pages of an App. /a/big/n3000 has 3,000 objects.
const back = (s: number) => new Date(Date.now() - s * 1000).toISOString()
const commit = (n: number, subject: string, author = 'Ana Ruiz', age = 1000) => ({ sha: `${n}f2c1ab7c0de5${'0123456789abcdef'.repeat(2)}`.slice(0, 40), subject, author, when: back(age), url: 'https://git.example.com/c/1', links: [{ text: 'PAY-1204', url: 'https://tickets.example.com/PAY-1204' }] })
const hostile = '<img src=x onerror=alert(1)> \u202etxt.exe javascript:alert(1)'

export function view(ns: string, name: string, row: AppRow | undefined) {
  const state = row?.state ?? (ns === 'big' ? 'Degraded' : 'Degraded')
  const calm = state === 'Synced'
  const base = {
    namespace: ns, name, cluster: row?.cluster ?? 'prod-eu', state, since: row?.since ?? back(840), reason: row?.reason ?? 'Unhealthy',
    message: calm ? '23 objects, all healthy' : (row?.message ?? 'Deployment payments-api is Degraded: has timed out progressing'), sync: row?.sync ?? 'Synced', health: row?.health ?? 'Degraded',
    next: calm ? undefined : `plumb why deploy/${name}`, revision: commit(9, '').sha, applied: commit(9, '').sha, generation: 3, commit: row?.commit ?? commit(9, 'bump to 2.14.1', 'Ana Ruiz', 960), images: row?.images ?? ['payments:2.14.1'],
    counts: { total: 23, healthy: calm ? 23 : 22, progressing: 0, degraded: calm ? 0 : 1, missing: 0, drifted: row?.drifted ?? 1 },
    blocking: calm ? undefined : { object: { group: 'apps', kind: 'Deployment', namespace: 'shop', name: 'payments-api' }, level: 'Degraded', message: 'Pod payments-api-7c9d8f6b5-x2k9p: image registry.example.com/payments:2.14.1 not found', file: 'apps/payments/overlays/prod-eu/kustomization.yaml:14' },
    healthy: { bundle: 'sha256:3b81d07', revisions: [{ url: 'https://git.example.com/deploy.git', commit: commit(3, '').sha }], at: back(6 * 86400) },
    actions: { Synced: ['refresh', 'hold', 'suspend', 'rollback'], Deploying: ['cancel', 'why', 'hold', 'suspend'], Waiting: ['plan', 'sync', 'why', 'suspend'], Drifted: ['drift', 'sync', 'diff'], Paused: ['resume', 'why', 'diff'] }[state] ?? ['why', 'sync', 'rollback', 'hold', 'suspend'],
    warnings: calm ? [] : ['ConfigMap shop/flags: the key "a" stands twice in the list; the last one counts', hostile],
    progress: state === 'Deploying' ? { phase: 'Main', wave: 1, group: 1, groups: 4, waiting: [{ object: { group: 'apps', kind: 'Deployment', namespace: 'shop', name: 'payments-api' }, for: 'healthy', message: '3 of 4 Pods ready', deadline: back(-420) }] } : undefined,
  }
  return base
}

const node = (id: string, more: Partial<Node> = {}): Node => {
  const [kind = '', ...rest] = id.split('/')
  const [k, ...g] = kind.split('.')
  return { id, kind: k!, group: g.join('.') || undefined, namespace: rest.length > 1 ? rest[0] : undefined, name: rest.at(-1)!, health: 'Healthy', ours: !more.parent, sync: more.parent ? undefined : 'Synced', created: back(90_000), ...more }
}

let flip = 0
export function graph(ns: string, name: string, expand: string[]) {
  const size = ns === 'big' ? Number(name.replace(/\D/g, '')) || 3000 : 0
  if (size > 0) return bigGraph(size)
  const d = 'Deployment.apps/shop/payments-api'
  const bad = { health: 'Degraded', reason: 'ImagePullBackOff', message: 'Back-off pulling image "registry.example.com/payments:2.14.1": not found' }
  flip++
  const nodes: Node[] = [
    node(d, { health: 'Degraded', reason: 'ProgressDeadlineExceeded', message: 'ReplicaSet "payments-api-7c9d8f6b5" has timed out progressing.', facts: ['4/4 ready', 'payments:2.14.1'], file: 'apps/payments/overlays/prod-eu/kustomization.yaml:14' }),
    node('ReplicaSet.apps/shop/payments-api-7c9d8f6b5', { parent: d, health: 'Degraded', facts: ['0/2 ready'], message: 'Pods do not become ready' }),
    node('Pod/shop/payments-api-7c9d8f6b5-x2k9p', { parent: 'ReplicaSet.apps/shop/payments-api-7c9d8f6b5', facts: ['0/1 ready'], ...bad }),
    node('Pod/shop/payments-api-7c9d8f6b5-q8w7z', { parent: 'ReplicaSet.apps/shop/payments-api-7c9d8f6b5', facts: ['0/1 ready'], ...bad }),
    node('ReplicaSet.apps/shop/payments-api-5d1f6a6a9', { parent: d, facts: ['4/4 ready'] }),
    ...[1, 2, 3].map((i) => node(`Pod/shop/payments-api-5d1f6a6a9-abc${i}`, { parent: 'ReplicaSet.apps/shop/payments-api-5d1f6a6a9', facts: ['1/1 ready', 'payments:2.14.0'] })),
    node('StatefulSet.apps/shop/ledger-db', { sync: 'OutOfSync', facts: ['1/1 ready', 'postgres:17.2'], file: 'apps/payments/base/db.yaml:3' }),
    node('Pod/shop/ledger-db-0', { parent: 'StatefulSet.apps/shop/ledger-db', facts: ['1/1 ready'] }),
    node('Job.batch/shop/migrate-0042', { health: flip % 3 === 0 ? 'Healthy' : 'Progressing', reason: flip % 3 === 0 ? undefined : 'Running', hook: true, facts: ['0/1 done'] }),
    node('Deployment.apps/shop/worker', { facts: ['40/40 ready', 'worker:2.14.0'] }),
    node('ReplicaSet.apps/shop/worker-66d', { parent: 'Deployment.apps/shop/worker', facts: ['40/40 ready'] }),
    ...(expand.some((e) => e.startsWith('fold:'))
      ? Array.from({ length: 40 }, (_, i) => node(`Pod/shop/worker-66d-${String(i).padStart(5, 'x')}`, { parent: 'ReplicaSet.apps/shop/worker-66d', facts: ['1/1 ready'] }))
      : [node('fold:ReplicaSet.apps/shop/worker-66d:Pod', { parent: 'ReplicaSet.apps/shop/worker-66d', kind: 'Pod', name: '', folded: 40, foldedBy: { Healthy: 40 }, ours: false })]),
    ...['Service/shop/payments-api', 'Ingress.networking.k8s.io/shop/payments', 'ConfigMap/shop/flags', 'ConfigMap/shop/payments-config', 'Secret/shop/db', 'ServiceAccount/shop/payments-api', 'Role.rbac.authorization.k8s.io/shop/payments', 'RoleBinding.rbac.authorization.k8s.io/shop/payments', 'PersistentVolumeClaim/shop/data-ledger-db-0', 'HorizontalPodAutoscaler.autoscaling/shop/payments-api', 'NetworkPolicy.networking.k8s.io/shop/payments', 'PodDisruptionBudget.policy/shop/payments'].map((id) => node(id, { file: 'apps/payments/base/all.yaml:9' })),
    node('ConfigMap/shop/' + 'x'.repeat(60), { health: 'Unknown', message: hostile }),
  ]
  return { nodes, total: 61, asOf: back(1) }
}

function bigGraph(size: number) {
  const nodes: Node[] = []
  for (let i = 0; nodes.length < size; i++) {
    const d = `Deployment.apps/big/web-${i}`
    nodes.push(node(d, { facts: ['6/6 ready'], health: i === 40 ? 'Degraded' : 'Healthy' }))
    for (let r = 0; r < 2; r++) {
      const rs = `ReplicaSet.apps/big/web-${i}-${r}`
      nodes.push(node(rs, { parent: d, health: i === 40 && r === 1 ? 'Degraded' : 'Healthy' }))
      for (let p = 0; p < 3; p++) nodes.push(node(`Pod/big/web-${i}-${r}-${p}`, { parent: rs, facts: ['1/1 ready'], health: i === 40 && r === 1 && p === 2 ? 'Degraded' : 'Healthy' }))
    }
    nodes.push(node(`Service/big/web-${i}`), node(`ConfigMap/big/web-${i}`))
  }
  nodes.length = size
  return { nodes, total: size, asOf: back(1) }
}

const pid = { kind: 'Pod', namespace: 'shop', name: 'payments-api-7c9d8f6b5-x2k9p' }
function why(ns: string, name: string, object: string) {
  const render = name.includes('render')
  const event = { type: 'Warning', reason: 'Failed', message: 'Failed to pull image "registry.example.com/payments:2.14.1": not found', count: 14, last: back(20) }
  return {
    app: { namespace: ns, name }, state: render ? 'Failed' : 'Degraded', reason: 'Unhealthy', message: '', next: `plumb rollback ${name}`,
    commit: { ...commit(9, 'bump to 2.14.1', 'Ana Ruiz', 960), ref: 'refs/heads/main' },
    source: [{ url: 'https://git.example.com/deploy.git', path: 'apps/payments/overlays/prod-eu', ref: 'main', commit: commit(9, '').sha }],
    render: { renderer: 'kustomize', objects: 23, took: 118e6, bundle: 'sha256:41be', error: render ? 'apps/payments/overlays/prod-eu/kustomization.yaml:14: patch target Deployment/payments-worker was not found' : undefined },
    excerpt: render ? { file: 'apps/payments/overlays/prod-eu/kustomization.yaml', line: 14, from: 11, lines: ['patches:', '- path: replicas.yaml', '  target:', '    name: payments-worker', '    kind: Deployment', '- path: memory.yaml'] } : undefined,
    attempt: { id: 'a17', mode: 'Sync', bundle: 'sha256:41be', started: back(900), ended: back(300), outcome: 'Failed', message: 'not healthy by its deadline' },
    apply: render ? undefined : { action: 'Apply', object: { kind: 'Deployment', name }, why: 'changed in Git' }, appliedAt: back(895),
    object: render ? undefined : {
      id: object && object !== 'app' ? { group: 'apps', kind: 'Deployment', namespace: 'shop', name: 'payments-api' } : { group: 'apps', kind: 'Deployment', namespace: 'shop', name: 'payments-api' },
      apiVersion: 'apps/v1', uid: 'u', health: { level: 'Degraded', reason: 'ProgressDeadlineExceeded', message: 'ReplicaSet "payments-api-7c9d8f6b5" has timed out progressing.' }, since: back(300), inSync: true, wave: 0,
      file: 'apps/payments/overlays/prod-eu/kustomization.yaml:14', yielded: ['.spec.replicas'],
      children: [{ id: { group: 'apps', kind: 'ReplicaSet', namespace: 'shop', name: 'payments-api-7c9d8f6b5' }, health: { level: 'Degraded' }, children: [{ id: pid, health: { level: 'Degraded', reason: 'ImagePullBackOff', message: 'Back-off pulling image "registry.example.com/payments:2.14.1"' }, events: [event] }] }],
    },
    events: [event], drift: [{ seq: 4, at: back(7200), kind: 'Yielded', app: '', message: '.spec.replicas 6, Git says 4: kube-controller-manager wants it' }], healthy: { bundle: 'sha256:3b', at: back(6 * 86400) }, warnings: [],
  }
}

function diff(q: URLSearchParams) {
  const f = (path: string, left: unknown, right: unknown, cls: string, owner?: string, rule?: string) => ({ path, left, right, class: cls, owner, rule })
  const objects = [
    { object: 'ConfigMap/shop/feature-flags-old', action: 'removed', risk: 'delete', counts: { ours: 1 }, fields: [f('.data.flags', 'a\nb', undefined, 'ours')] },
    { object: 'Deployment.apps/shop/payments-api', action: 'changed', counts: { ours: 2, drift: 1, defaulted: 14, mutated: 3, ignored: 1, other: 2 }, fields: [
      f('.spec.template.spec.containers[name=payments].image', 'registry.example.com/payments:2.14.0', 'registry.example.com/payments:2.14.1', 'ours', 'plumb'), f('.spec.template.spec.containers[name=payments].resources.limits.memory', '256Mi', '512Mi', 'ours', 'plumb'),
      f('.spec.template.spec.containers[name=payments].env[name=MODE].value', 'safe', 'fast ' + hostile, 'drift', 'kubectl-edit'), f('.spec.replicas', 4, 6, 'ignored', 'kube-controller-manager', 'spec.replicas of Deployments'),
      ...Array.from({ length: 3 }, (_, i) => f(`.spec.template.spec.containers[name=istio-proxy].args[${i}]`, undefined, '--x' + i, 'mutated', 'istio-injector')),
      ...Array.from({ length: 14 }, (_, i) => f(`.spec.template.spec.default${i}`, undefined, i, 'defaulted')), f('.status.a', undefined, { a: 1, b: [1, 2] }, 'other', 'kube-controller-manager'), f('.status.b', undefined, 2, 'other', 'kube-controller-manager'),
    ] },
    { object: 'Secret/shop/db', action: 'changed', counts: { ours: 1 }, secret: true, fields: [f('.data.password', '[redacted]', '[redacted, changed]', 'ours')] },
    { object: 'CustomResourceDefinition.apiextensions.k8s.io/payments.example.com', action: 'changed', risk: 'a CRD changes for everybody', counts: { ours: 210 }, fields: [], more: 210, summary: '4,212 lines, 210 fields differ' },
    { object: 'PodDisruptionBudget.policy/shop/payments', action: 'added', counts: { ours: 1 }, fields: [f('.spec', undefined, { minAvailable: 2, selector: { matchLabels: { app: 'payments' } } }, 'ours')] },
    { object: 'Service/shop/payments-api', action: 'changed', counts: { defaulted: 4 }, fields: Array.from({ length: 4 }, (_, i) => f(`.spec.x${i}`, undefined, 'v' + i, 'defaulted')) },
  ]
  const one = q.get('object')
  return { left: q.get('left') || 'live', right: q.get('right') || 'git', at: back(3), compared: 23, objects: one ? objects.filter((o) => o.object === one).map((o) => ({ ...o, summary: undefined, fields: o.fields.length ? o.fields : Array.from({ length: 210 }, (_, i) => f(`.spec.versions[0].schema.f${i}`, i, i + 1, 'ours')) })) : objects, problems: one ? [] : [{ status: 0, reason: 'Forbidden', message: 'secrets is forbidden: cannot get in the namespace kube-system', where: 'Secret/kube-system/tls' }] }
}

const deployment = (i: number) => ({
  id: `a${20 - i}`, app: 'payments/payments-api', started: back(900 + i * i * 9000), ended: i === 0 ? undefined : back(860 + i * i * 9000), duration: 38 + i * 7, outcome: i === 0 ? 'Running' : i === 3 ? 'Failed' : i === 5 ? 'Superseded' : 'Succeeded', mode: i === 4 ? 'Rollback' : 'Sync',
  actor: i === 4 ? 'ana@example.com' : undefined, trigger: i === 4 ? 'rollback' : i === 2 ? 'request' : 'commit', bundle: `sha256:${i}1be`, commit: commit(9 - i, i === 6 ? hostile : ['bump to 2.14.1', 'raise memory limit', 'PAY-1204: retry on 502', 'drop the feature flag', 'Revert "drop the feature flag"', 'tune readiness probe', 'x', 'base image', 'more replicas', 'start'][i]!, ['Ana Ruiz', 'Li Wei', 'Tomasz Nowak'][i % 3], 1000 + i * i * 9000),
  commits: [commit(9 - i, 'bump to 2.14.1'), commit(2, 'earlier', 'Li Wei')].slice(0, 1 + (i % 2)), images: i % 2 === 0 ? [{ name: 'registry.example.com/payments', before: `2.14.${9 - i}`, after: `2.14.${10 - i}` }] : [], created: i % 3, changed: 2, deleted: i % 4 === 3 ? 1 : 0, leadTime: 420 + i * 60, rollback: i === 4, message: i === 3 ? 'Deployment payments-api was not healthy by its deadline' : undefined, liveUntil: i > 0 ? back(900 + (i - 1) * (i - 1) * 9000) : undefined,
})

const yaml = (lines: number) => ['apiVersion: apps/v1', 'kind: Deployment', 'metadata:', '  name: payments-api # the name', '  annotations:', `    note: "${hostile}"`, 'spec:', '  replicas: 4', ...Array.from({ length: lines }, (_, i) => `  field${i}: value-${i}`)].join('\n')

function read(ns: string, name: string, rest: string, q: URLSearchParams): unknown {
  const object = q.get('object') ?? ''
  switch (rest) {
    case 'graph': return graph(ns, name, q.getAll('expand'))
    case 'why': return why(ns, name, object)
    case 'diff': return diff(q)
    case 'deployments': return { items: Array.from({ length: 10 }, (_, i) => deployment(i)), total: 10 }
    case 'deployments/compare': return { left: deployment(3), right: deployment(0), commits: [commit(9, 'bump to 2.14.1'), commit(8, 'raise memory limit', 'Li Wei', 4000)], images: [{ name: 'registry.example.com/payments', before: '2.14.0', after: '2.14.1' }], diff: diff(new URLSearchParams()) }
    case 'events': return { items: Array.from({ length: 40 }, (_, i) => ({ at: back(i * 40), type: i % 3 ? 'Normal' : 'Warning', reason: ['Failed', 'Pulling', 'Scheduled'][i % 3], message: ['Failed to pull image "registry.example.com/payments:2.14.1": not found', 'Pulling image', hostile][i % 3], object: 'Pod/shop/payments-api-7c9d8f6b5-x2k9p', source: 'kubelet', count: i % 3 ? 1 : 14 })) }
    case 'logs/containers': return { items: [{ pod: 'payments-api-7c9d8f6b5-x2k9p', name: 'payments', state: 'Waiting', reason: 'ImagePullBackOff', restarts: 0 }, { pod: 'payments-api-5d1f6a6a9-abc1', name: 'payments', state: 'Running', restarts: 2 }, { pod: 'payments-api-5d1f6a6a9-abc1', name: 'init-db', init: true, state: 'Terminated' }] }
    case 'manifest': return { object, side: q.get('side') ?? 'live', yaml: yaml(object.includes('ledger') ? 20_000 : 60) }
    case 'blame': return { object, complete: false, searched: 212, until: back(90 * 86400), stopped: 'the budget of 200 renders is used up', fields: [{ path: '.spec.replicas', value: 4, file: 'apps/payments/base/deployment.yaml:9', by: 'manifest', exact: true, commit: commit(1, 'start', 'Li Wei', 9e6) }, { path: '.spec.template.spec.containers[name=payments].image', value: 'registry.example.com/payments:2.14.1', file: 'apps/payments/overlays/prod-eu/kustomization.yaml:14', by: 'overlay', exact: true, commit: commit(9, 'bump to 2.14.1') }, { path: '.metadata.labels["team"]', value: 'payments', by: 'transformer', exact: false, note: 'set by commonLabels' }, { path: '.data.password', value: '[redacted]', exact: true, file: 'a.yaml:3', by: 'manifest' }] }
    case 'plan': return { digest: 'sha256:' + (flip % 2 ? 'aa' : 'ab') + 'cd', at: back(0), empty: false, friction: name.includes('free') ? 'none' : 'type', counts: { create: 1, update: 1, delete: 2, replace: 0, hooks: 1 }, warnings: ['the image tag "latest" says nothing'], guards: ['deletes a PersistentVolumeClaim: needs approval'], steps: [
      { action: 'hook', object: 'Job.batch/shop/migrate-0042', phase: 'Before', wave: 0, reason: 'runs before each deployment' }, { action: 'create', object: 'PodDisruptionBudget.policy/shop/payments', phase: 'Main', wave: 0, reason: 'new' },
      { action: 'update', object: 'Deployment.apps/shop/payments-api', phase: 'Main', wave: 1, reason: 'image 2.14.0 → 2.14.1' }, { action: 'delete', object: 'ConfigMap/shop/feature-flags-old', phase: 'Pruning', wave: 0, reason: 'no longer in Git' }, { action: 'delete', object: 'PersistentVolumeClaim/shop/data-ledger-db-0', phase: 'Pruning', wave: 0, reason: 'no longer in Git', risk: 'its data is lost' }] }
    case 'config': return { yaml: yaml(10), spec: { source: { repository: 'deploy', path: 'apps/payments/overlays/prod-eu', ref: { branch: 'main' } }, destination: { cluster: 'prod-eu', namespace: 'shop' }, sync: { mode: 'Auto', prune: true, heal: true, pruneLimit: '50%', deadline: '15m' }, dependsOn: [{ app: { name: 'ledger' } }], ignore: [{ kind: 'Deployment', paths: ['.spec.replicas'] }], health: [{ kind: 'Rollout', healthy: 'status.phase == "Healthy"' }], rollbackOnFailure: true } }
    case 'revert': return { to: commit(3, '').sha, branch: 'main', files: [{ path: 'apps/payments/overlays/prod-eu/kustomization.yaml' }, { path: 'apps/payments/overlays/prod-eu/memory.yaml', deleted: true }], shared: { 'apps/payments/base/deployment.yaml': [{ namespace: 'payments', name: 'payments-api-staging' }] } }
    case 'hold': case 'suspend': case 'resume': case 'cancel': return { id: 'r2' }
  }
  return undefined
}

function logs(req: IncomingMessage, res: ServerResponse, q: URLSearchParams) {
  res.writeHead(200, { 'Content-Type': 'text/event-stream' })
  let n = 0
  const words = ['GET /pay 200 3ms', 'GET /pay 502 30001ms upstream timed out', 'ERROR could not connect to ledger-db:5432', '\u001b[32mINFO\u001b[0m started', hostile, 'x'.repeat(600)]
  const batch = (k: number) => Array.from({ length: k }, () => ({ at: back(0), pod: 'payments-api-5d1f6a6a9-abc1', container: 'payments', text: `${n++} ${words[n % 97 === 0 ? 5 : n % 6 === 5 ? 0 : n % 5]}` }))
  res.write(`event: lines\ndata: ${JSON.stringify(batch(300))}\n\n`)
  if (q.get('follow') !== 'true') {
    res.write('event: end\ndata: {"message":"the container ended"}\n\n')
    return res.end()
  }
  const rate = Number(process.env.MOCK_LINES ?? 40)
  const t = setInterval(() => res.write(`event: lines\ndata: ${JSON.stringify(batch(Math.ceil(rate / 10)))}\n\n`), 100)
  req.on('close', () => clearInterval(t))
}

/** answerApp answers the calls of one App; false: it is none of them. */
export function answerApp(req: IncomingMessage, res: ServerResponse, path: string, q: URLSearchParams, rows: AppRow[]): boolean {
  const m = /^apps\/([^/]+)\/([^/]+)(?:\/(.+))?$/.exec(path)
  if (!m) return false
  const [ns, name, rest = ''] = [decodeURIComponent(m[1]!), decodeURIComponent(m[2]!), m[3] ?? '']
  if (rest === 'logs') {
    logs(req, res, q)
    return true
  }
  const row = rows.find((r) => r.namespace === ns && r.name === name)
  if (rest === 'sync' && !name.includes('free')) {
    flip++
    res.writeHead(409, { 'Content-Type': 'application/json' })
    res.end(JSON.stringify({ status: 409, reason: 'PlanStale', message: 'the plan is no longer what would be done', next: 'look at the new plan' }))
    return true
  }
  const body = rest === '' ? view(ns, name, row) : read(ns, name, rest, q)
  if (body === undefined) return false
  res.writeHead(200, { 'Content-Type': 'application/json' })
  res.end(JSON.stringify(body))
  return true
}

import type { AppRow, StateCounts } from '../src/api/types'

// A fleet that nobody runs: names, states and words as a real one has them. The same on every start.
let seed = 42
function random() {
  seed = (seed * 1664525 + 1013904223) >>> 0
  return seed / 2 ** 32
}
const pick = <T>(of: readonly T[]): T => of[Math.floor(random() * of.length)]!

const components = ['payments-api', 'checkout', 'catalog', 'search', 'ingress', 'cart', 'identity', 'mailer', 'ledger', 'reports', 'webshop', 'pricing', 'stock', 'shipping', 'reviews', 'gateway', 'audit-log', 'media', 'flags', 'billing']
const environments = ['dev', 'staging', 'prod']
const clusters: Record<string, string[]> = { dev: ['dev-eu'], staging: ['staging-eu'], prod: ['prod-eu', 'prod-us', 'prod-ap'] }
const people = ['Ana Ruiz', 'Li Wei', 'Tomasz Nowak', 'Fatou Diop', 'Sam Okafor', 'Ingrid Sund']
const subjects = ['bump to 2.14.1', 'raise memory limit', 'PAY-1204: retry on 502', 'drop the feature flag', 'base image update', 'more replicas for the sale', 'tune readiness probe', 'rotate certificate', 'move to gateway v2']
const problems: [string, string, string][] = [
  ['Failed', 'ImagePull', 'image registry.example.com/{c}:2.14.1 not found (Pod {c}-7c9-x2k)'],
  ['Failed', 'RenderFailed', 'overlays/prod/kustomization.yaml:14: patch target Deployment/{c}-worker not found'],
  ['Degraded', 'Unhealthy', 'Deployment {c}: 1 of 4 Pods ready, CrashLoopBackOff'],
  ['Drifted', 'Drift', 'replicas 6, Git says 4, by kubectl-edit'],
  ['Deploying', 'Progressing', 'Deployment {c}: 3 of 4 Pods ready'],
  ['Waiting', 'ApprovalNeeded', 'the plan deletes a PersistentVolumeClaim: waits for approval'],
  ['Paused', 'Held', 'held by Ana Ruiz: incident 512'],
  ['Unknown', 'NoContact', 'no word from cluster for 3h'],
]

export function sha(): string {
  return Array.from({ length: 40 }, () => '0123456789abcdef'[Math.floor(random() * 16)]).join('')
}
const back = (seconds: number) => new Date(Date.now() - seconds * 1000).toISOString()

export function fleet(n: number): AppRow[] {
  const rows: AppRow[] = []
  for (let i = 0; rows.length < n; i++) {
    const round = Math.floor(i / 100)
    const base = components[i % components.length]!
    const component = round ? `${base}-${String(round).padStart(2, '0')}` : base
    const environment = environments[Math.floor(i / 20) % 3]!
    const cs = clusters[environment]!
    const cluster = cs[Math.floor(i / 60) % cs.length]!
    const bad = random() < (n > 500 ? 0.006 : 0.12) ? pick(problems) : undefined
    const age = 60 + random() * random() * 900_000
    rows.push({
      namespace: pick(['payments', 'shop', 'platform', 'data']),
      name: `${component}-${environment}${cs.length > 1 ? '-' + cluster.split('-')[1] : ''}${i % 100 >= 60 ? '-b' : ''}`,
      cluster, environment, component,
      labels: { team: pick(['payments', 'shop', 'platform', 'data']) },
      state: bad?.[0] ?? 'Synced', since: back(age), reason: bad?.[1], message: bad?.[2].replaceAll('{c}', component),
      sync: bad?.[0] === 'Drifted' ? 'OutOfSync' : 'Synced', health: bad?.[0] === 'Degraded' ? 'Degraded' : 'Healthy',
      commit: { sha: sha(), subject: pick(subjects), author: pick(people), when: back(age + 600), url: 'https://git.example.com/c/1', links: random() < 0.1 ? [{ text: 'PAY-1204', url: 'https://tickets.example.com/PAY-1204' }] : undefined },
      images: [`${component}:2.${10 + Math.floor(random() * 5)}.${Math.floor(random() * 9)}`],
      deployedAt: back(age), drifted: bad?.[0] === 'Drifted' ? 1 : 0, objects: 3 + Math.floor(random() * 30), source: 'git.example.com/shop/deploy/' + component,
    })
  }
  return rows
}

export const order = ['Failed', 'Degraded', 'Drifted', 'Deploying', 'Waiting', 'Paused', 'Unknown', 'Synced']
export const letter: Record<string, string> = { Failed: 'F', Degraded: 'G', Drifted: 'D', Deploying: 'P', Waiting: 'W', Paused: 'H', Unknown: 'U', Synced: 'S' }

export function counts(rows: AppRow[]): StateCounts {
  const out: StateCounts = {}
  for (const r of rows) out[r.state] = (out[r.state] ?? 0) + 1
  return out
}

const value = (r: AppRow, key: string): string => (key.startsWith('label:') ? (r.labels?.[key.slice(6)] ?? '') : String((r as unknown as Record<string, unknown>)[key] ?? ''))

/** match is a small part of the filter grammar: words and key:value,value with *. */
export function match(rows: AppRow[], filter: string, without = ''): AppRow[] {
  const terms = filter.split(/\s+/).filter(Boolean)
  return rows.filter((r) =>
    terms.every((t) => {
      const not = t.startsWith('-')
      const [, key, values] = /^-?(label:[^:]+|[a-z]+):(.*)$/.exec(t) ?? []
      if (!key || !values) return r.name.includes(t.toLowerCase()) || r.message?.includes(t)
      if (key === without) return true
      const hit = values.split(',').some((v) => new RegExp('^' + v.replace(/[.+?^${}()|[\]\\]/g, '\\$&').replaceAll('*', '.*') + '$', 'i').test(value(r, key)))
      return hit !== not
    }),
  )
}

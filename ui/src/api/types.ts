// The shapes of the HTTP API, as internal/httpapi declares them. Times are RFC 3339 in UTC, durations are seconds.

export type State = 'Failed' | 'Degraded' | 'Drifted' | 'Deploying' | 'Waiting' | 'Paused' | 'Unknown' | 'Synced'
export type Health = 'Healthy' | 'Progressing' | 'Degraded' | 'Suspended' | 'Missing' | 'Unknown'
export type StateCounts = Partial<Record<string, number>>

export interface List<T> {
  items: T[]
  next?: string
  total?: number
}

export interface ProblemBody {
  status: number
  reason: string
  message: string
  where?: string
  next?: string
}

export interface Link {
  text: string
  url: string
}

export interface CommitRef {
  sha: string
  subject?: string
  author?: string
  when?: string
  url?: string
  links?: Link[]
}

export interface AppRow {
  namespace: string
  name: string
  cluster: string
  environment?: string
  component?: string
  labels?: Record<string, string>
  state: string
  since: string
  reason?: string
  message?: string
  sync: string
  health: string
  commit?: CommitRef
  images?: string[]
  deployedAt?: string
  drifted?: number
  objects: number
  source?: string
}

export interface EmptyHint {
  term: string
  without: number
}

export interface AppPage extends List<AppRow> {
  epoch: string
  seq: number
  hint?: EmptyHint
}

export interface FacetCount {
  value: string
  count: number
}
export interface FacetValues {
  key: string
  values: FacetCount[]
  more?: number
}
export interface Facets {
  total: number
  facets: FacetValues[]
}

export interface WallGroup {
  name: string
  cells: string
  apps?: string[]
}
export interface Cause {
  state: string
  reason: string
  message: string
  count: number
  apps: string[]
  filter: string
}
export interface DaySummary {
  deployments: number
  failed: number
  rolledBack: number
  drift: number
  leadTime?: number
}
export interface Wall {
  total: number
  counts: StateCounts
  groups: WallGroup[]
  problems: AppRow[]
  causes: Cause[]
  day: DaySummary
}

export interface SearchHit {
  kind: string
  title: string
  where: string
  state?: string
  path: string
}

export interface ImageChange {
  name: string
  before?: string
  after?: string
}
export interface Deployment {
  id: string
  app: string
  started: string
  ended?: string
  duration?: number
  outcome: string
  mode: string
  reason?: string
  message?: string
  actor?: string
  trigger: string
  bundle: string
  commit?: CommitRef
  commits?: CommitRef[]
  images?: ImageChange[]
  created?: number
  changed?: number
  deleted?: number
  leadTime?: number
  rollback?: boolean
  liveUntil?: string
}

export interface Change {
  seq: number
  at: string
  kind: string
  app: string
  object?: string
  actor?: string
  manager?: string
  outcome?: string
  message?: string
  fields?: FieldDiff[]
  commit?: string
  repeats?: number
  first?: string
}

export interface PlanStep {
  action: string
  object: string
  phase: string
  wave: number
  reason?: string
  risk?: string
}
export interface PlanCounts {
  create: number
  update: number
  delete: number
  replace: number
  hooks: number
}
export interface Plan {
  digest: string
  at: string
  empty: boolean
  steps: PlanStep[]
  counts: PlanCounts
  warnings?: string[]
  errors?: ProblemBody[]
  guards?: string[]
  friction: 'none' | 'list' | 'type' | string
}

export interface Comparison {
  left: Deployment
  right: Deployment
  commits?: CommitRef[]
  images?: ImageChange[]
  diff: Diff
}

export interface FieldDiff {
  path: string
  left?: unknown
  right?: unknown
  class: string
  owner?: string
  rule?: string
  cut?: boolean
}
export interface ObjectDiff {
  object: string
  action: string
  risk?: string
  counts: Record<string, number>
  fields: FieldDiff[]
  more?: number
  secret?: boolean
  summary?: string
}
export interface Diff {
  left: string
  right: string
  at: string
  compared: number
  objects: ObjectDiff[]
  next?: string
  problems?: ProblemBody[]
}

export interface BlameLine {
  path: string
  value: unknown
  file?: string
  by?: string
  exact: boolean
  note?: string
  commit?: CommitRef
}
export interface Blame {
  object: string
  fields: BlameLine[]
  complete: boolean
  searched: number
  until?: string
  stopped?: string
}

export interface Me {
  name: string
  groups?: string[]
  expires?: string
  csrf?: string
  signOut?: string
}
export interface OIDCWay {
  name: string
  path: string
  down?: string
}
export interface Ways {
  oidc?: OIDCWay[]
  token: boolean
}
export interface Can {
  app?: string
  verbs: Record<string, boolean>
  unknown?: string[]
}

export interface Cluster {
  name: string
  connected: boolean
  version?: string
  since?: string
  problem?: ProblemBody
  apps: number
  states: StateCounts
  kinds: number
  objects: number
}
export interface RefState {
  ref: string
  commit: string
}
export interface Repository {
  namespace: string
  name: string
  url: string
  checked?: string
  changed?: string
  refs?: RefState[]
  apps: number
  problem?: ProblemBody
}
export interface RepositoryTest {
  ok: boolean
  took: number
  refs?: number
  problem?: ProblemBody
}

export interface Quantiles {
  n: number
  p50?: number
  p90?: number
}
export interface DORADay {
  day: string
  deployments: number
  failures: number
  leadTime?: number
  drift: number
}
export interface Definition {
  measure: string
  text: string
}
export interface DORA {
  from: string
  to: string
  scope: string
  deployments: number
  perDay: number
  leadTime: Quantiles
  failureRate: number
  failures: number
  restore: Quantiles
  drift: number
  days: DORADay[]
  definitions: Definition[]
  sample?: Deployment[]
}

export interface Channel {
  namespace: string
  name: string
  type: string
  target: string
  waiting: number
  sent?: string
  problem?: ProblemBody
}
export interface ChannelTest {
  ok: boolean
  problem?: ProblemBody
}

export interface Node {
  id: string
  parent?: string
  group?: string
  kind: string
  namespace?: string
  name: string
  health: string
  reason?: string
  message?: string
  sync?: string
  ours: boolean
  hook?: boolean
  wave?: number
  facts?: string[]
  created?: string
  file?: string
  folded?: number
  foldedBy?: StateCounts
  children?: number
}
export interface Graph {
  nodes: Node[]
  total: number
  asOf: string
}
export interface KubeEvent {
  at: string
  type: string
  reason: string
  message: string
  object: string
  source?: string
  count?: number
}
export interface LogLine {
  at?: string
  pod: string
  container: string
  text: string
}
export interface Container {
  pod: string
  name: string
  init?: boolean
  state: string
  restarts?: number
  reason?: string
}
export interface Manifest {
  object: string
  side: string
  yaml: string
  cut?: boolean
}

export interface AppsDelta {
  rows?: AppRow[]
  gone?: string[]
  counts?: StateCounts
}
export interface Accepted {
  id: string
}

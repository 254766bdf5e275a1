// The shapes of the HTTP API under short names. They come from the Go types by way of the OpenAPI document: npm run types
// writes schema.d.ts, which is not committed. Times are RFC 3339 in UTC, durations are seconds.
import type { components } from './schema'

type Schemas = components['schemas']

export type State = 'Failed' | 'Degraded' | 'Drifted' | 'Deploying' | 'Waiting' | 'Paused' | 'Unknown' | 'Synced'
export type Health = 'Healthy' | 'Progressing' | 'Degraded' | 'Suspended' | 'Missing' | 'Unknown'
export type StateCounts = Partial<Record<string, number>>

export interface List<T> {
  items: T[]
  next?: string
  total?: number
}

export type ProblemBody = Schemas['Problem']
export type Link = Schemas['Link']
export type CommitRef = Schemas['CommitRef']
export type AppRow = Schemas['AppRow']
export type AppPage = Schemas['AppPage']
export type EmptyHint = Schemas['EmptyHint']
export type FacetCount = Schemas['FacetCount']
export type FacetValues = Schemas['FacetValues']
export type Facets = Schemas['Facets']
export type WallGroup = Schemas['WallGroup']
export type Cause = Schemas['Cause']
export type DaySummary = Schemas['DaySummary']
export type Matrix = Schemas['Matrix']
export type MatrixRow = Schemas['MatrixRow']
export type Wall = Schemas['Wall']
export type SearchHit = Schemas['SearchHit']
export type ImageChange = Schemas['ImageChange']
export type Deployment = Schemas['Deployment']
export type Change = Schemas['Change']
export type PlanStep = Schemas['PlanStep']
export type PlanCounts = Schemas['PlanCounts']
export type Plan = Schemas['Plan']
export type Comparison = Schemas['Comparison']
export type FieldDiff = Schemas['FieldDiff']
export type ObjectDiff = Schemas['ObjectDiff']
export type Diff = Schemas['Diff']
export type BlameLine = Schemas['BlameLine']
export type Blame = Schemas['Blame']
export type View = Schemas['View']
export type Me = Schemas['Me']
export type OIDCWay = Schemas['OIDCWay']
export type Ways = Schemas['Ways']
export type Can = Schemas['Can']
export type Cluster = Schemas['Cluster']
export type RefState = Schemas['RefState']
export type Repository = Schemas['Repository']
export type RepositoryTest = Schemas['RepositoryTest']
export type Quantiles = Schemas['Quantiles']
export type DORADay = Schemas['DORADay']
export type Definition = Schemas['Definition']
export type DORA = Schemas['DORA']
export type Channel = Schemas['Channel']
export type ChannelTest = Schemas['ChannelTest']
export type Node = Schemas['Node']
export type Graph = Schemas['Graph']
export type KubeEvent = Schemas['Event']
export type LogLine = Schemas['LogLine']
export type Container = Schemas['Container']
export type Manifest = Schemas['Manifest']
export type AppsDelta = Schemas['AppsDelta']
export type Accepted = Schemas['ServerAccepted']

/**
 * The shapes that the pages of one App read, under short names. They come from the Go types by way of the OpenAPI document.
 * All times are RFC 3339 in UTC, durations are seconds, except RenderView.took: nanoseconds.
 */
import type { components } from '../api/schema'

type Schemas = components['schemas']

/** An object of the graph, or what a lens puts beside the objects. */
export type Node = Schemas['Node'] & {
  /** A group of nodes below it; or something that is named, and is not part of the App. */
  role?: 'group' | 'outside' | undefined
  /** Of a copy: the ID of the object. */
  object?: string | undefined
}

export type {
  Blame, BlameLine, Change, CommitRef, Comparison, Container, Deployment, Diff, FieldDiff, Graph, ImageChange, KubeEvent, List, LogLine,
  Manifest, ObjectDiff, Plan, PlanCounts, PlanStep, ProblemBody,
} from '../api/types'

export type ID = Schemas['ObjectID']
export type Key = Schemas['EngineKey']
export type AppView = Schemas['ServerAppView']
export type Blocking = Schemas['EngineBlocking']
export type Health = Schemas['HealthStatus']
export type ChildView = Schemas['EngineChildView']
export type ObjectView = Schemas['EngineObjectView']
export type WhyEvent = Schemas['ClusterEvent']
export type Why = Schemas['EngineWhy']
export type Excerpt = Schemas['EngineExcerpt']
export type Reverted = Schemas['EngineReverted']
export type AppConfig = Schemas['AppConfig']

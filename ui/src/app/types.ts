/**
 * The shapes that the pages of one App read: those of the HTTP API, and of what the engine answers as it is (AppView, Why).
 * All times are RFC 3339 in UTC, durations are seconds unless said.
 */

export type {
  Blame, BlameLine, Change, CommitRef, Comparison, Container, Deployment, FieldDiff, Graph, ImageChange, KubeEvent, List, LogLine,
  Manifest, Node, ObjectDiff, Plan, PlanCounts, PlanStep, ProblemBody,
} from '../api/types'
import type { Diff as Compared } from '../api/types'

/** A comparison; what differs by noise alone is counted, and listed when asked for. */
export interface Diff extends Compared { quiet?: Record<string, number>; quietObjects?: number }

export interface ID { group?: string; kind: string; namespace?: string; name: string }
export interface Key { namespace: string; name: string }

export interface Revision { source?: string; url: string; path?: string; commit: string; ref?: string; tree?: string }
export interface Deployed { bundle: string; revisions?: Revision[]; at: string }
export interface Waiting { object: ID; for: string; message?: string; deadline: string }
export interface Progress { phase: string; wave: number; group: number; groups: number; waiting?: Waiting[] }
export interface Counts { total: number; healthy: number; progressing: number; degraded: number; missing: number; drifted: number }
export interface Blocking { object: ID; level?: string; reason?: string; message?: string; file?: string }
export interface Attempt {
  id: string; mode: string; bundle: string; plan?: string; revisions?: Revision[]; started: string; ended?: string
  outcome?: string; reason?: string; message?: string; hooks?: Record<string, string>; actor?: string
}
export interface RolledBack { bad: string; to: string; at: string; message: string }

export interface AppView {
  namespace: string; name: string; state: string; since: string; reason: string; message: string; next?: string
  sync: string; health: string; blocking?: Blocking; actions?: string[]; revision?: string; head?: string; applied?: string; bundle?: string
  healthy?: Deployed; counts: Counts; progress?: Progress; plan?: string; attempt?: Attempt; rolledBack?: RolledBack
  handledRequest?: string; handledRefresh?: string; warnings?: string[]; generation: number
}

export interface Health { level: string; reason?: string; message?: string }
export interface WhyEvent { type: string; reason: string; message: string; count?: number; last: string }
export interface ChildView { id: ID; health: Health; events?: WhyEvent[]; children?: ChildView[] }
export interface ObjectView {
  id: ID; apiVersion: string; uid?: string; health: Health; since?: string; inSync: boolean; missing?: boolean; hook?: boolean
  wave: number; yielded?: string[]; file?: string; children?: ChildView[]
}
export interface CommitView { sha: string; subject: string; author: string; when: string; ref?: string }
/** took is in nanoseconds. */
export interface RenderView { renderer: string; objects: number; took: number; bundle: string; error?: string }
export interface StepData { action: string; object: ID; why?: string; error?: string }
export interface HistoryEvent {
  seq: number; at: string; kind: string; app: string; actor?: string; object?: string; commit?: string; outcome?: string
  reason?: string; message?: string
}
export interface Why {
  app: Key; state: string; reason: string; message: string; next?: string; object?: ObjectView; commit?: CommitView
  source?: Revision[]; render?: RenderView; attempt?: Attempt; apply?: StepData; appliedAt?: string; events?: WhyEvent[]
  drift?: HistoryEvent[]; healthy?: Deployed; warnings?: string[]
  /** The lines around the place that a render failed at, where the server has them. */
  excerpt?: Excerpt
}
export interface Excerpt { file: string; line: number; from: number; lines: string[] }

export interface Reverted { to: string; branch: string; files: { path: string; deleted?: boolean }[] | null; shared?: Record<string, Key[]>; commit?: string }

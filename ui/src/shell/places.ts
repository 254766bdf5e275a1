/** Place is one entry of the navigation. */
export interface Place {
  to: string
  label: string
  icon: string
  /** The second key of the chord "g x". */
  key?: string
}

export const PLACES: readonly Place[] = [
  { to: '/', label: 'Overview', icon: 'overview', key: 'o' },
  { to: '/apps', label: 'Apps', icon: 'apps', key: 'a' },
  { to: '/changes', label: 'Changes', icon: 'changes', key: 't' },
  { to: '/clusters', label: 'Clusters', icon: 'clusters', key: 'c' },
  { to: '/repositories', label: 'Repositories', icon: 'repositories', key: 'r' },
  { to: '/measures', label: 'Measures', icon: 'measures', key: 'm' },
  { to: '/settings', label: 'Settings', icon: 'settings', key: 's' },
]

/** LATER are the places of what is not there yet. Each page says so, and what to do until then. */
export const LATER: readonly Place[] = [
  { to: '/later/promotion', label: 'Promotion', icon: 'promotion', key: 'p' },
  { to: '/later/previews', label: 'Previews', icon: 'previews' },
  { to: '/later/policy', label: 'Policies', icon: 'policy', key: 'y' },
  { to: '/later/secrets', label: 'Secrets', icon: 'secrets' },
  { to: '/later/stacks', label: 'Stacks', icon: 'stacks' },
  { to: '/later/agents', label: 'Edge agents', icon: 'agents' },
]

import { useQuery } from '@tanstack/react-query'
import { canQuery } from '../api/queries'
import type { Can } from '../api/types'
import type { Key } from './types'

export const verbs = ['sync', 'approve', 'hold', 'rollback', 'logs', 'suspend', 'refresh', 'cancel'] as const
export type Verb = (typeof verbs)[number]

/** What stands against verbs, in words; '' when nothing does. What cannot be told is not refused here: the server decides. */
export function denial(can: Can | undefined, app: Key, wanted: readonly Verb[]): string {
  const no = wanted.filter((v) => can?.verbs[v] === false)
  if (no.length === 0) return ''
  return `needs the right ${no.map((v) => `“${v}”`).join(' and ')} on App ${app.namespace}/${app.name}`
}

/** Says what stands against verbs for the reader. Until the answer is there, nothing does: the server decides. */
export function useDenial(app: Key): (...wanted: Verb[]) => string {
  const can = useQuery(canQuery(`${app.namespace}/${app.name}`, verbs))
  return (...wanted) => denial(can.data, app, wanted)
}

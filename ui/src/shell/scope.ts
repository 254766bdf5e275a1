import { useNavigate, useRouterState } from '@tanstack/react-router'
import { useCallback } from 'react'
import { join, quote } from '../pages/apps/filter'

/** Scope is the part of the fleet that every page is about: names separated by commas, * for any text; absent: all. */
export interface Scope {
  namespace?: string
  cluster?: string
}
export type ScopeKey = keyof Scope
export const SCOPE_KEYS: readonly ScopeKey[] = ['namespace', 'cluster']

/** namesOf are the names of one part of a scope. */
export const namesOf = (text: string | undefined): string[] => [...new Set((text ?? '').split(',').map((n) => n.trim()).filter(Boolean))]

/** scopeFilter is a scope in the filter grammar; '' is all. */
export function scopeFilter(scope: Scope): string {
  return join(
    SCOPE_KEYS.map((key) => {
      const names = namesOf(scope[key])
      return names.length === 0 ? '' : `${key}:${names.map((n) => (/^[\w.*-]+$/.test(n) ? n : quote(n))).join(',')}`
    }),
  )
}

/** within is a filter inside of a scope. */
export const within = (scope: Scope, filter: string | undefined): string => join([scopeFilter(scope), filter ?? ''])

/** matches says whether a name is in one part of a scope: as the server would, upper and lower case being the same. */
export function matches(text: string | undefined, name: string): boolean {
  const names = namesOf(text)
  if (names.length === 0) return true
  return names.some((n) => new RegExp('^' + n.split('*').map((p) => p.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('.*') + '$', 'i').test(name))
}

/** scopeWords says a scope in a few words. */
export function scopeWords(scope: Scope): string {
  return SCOPE_KEYS.map((key) => {
    const names = namesOf(scope[key])
    return names.length > 2 ? `${names.length} ${key}s` : names.join(', ')
  })
    .filter(Boolean)
    .join(' · ')
}

/** useScope is the scope that the address has. */
export function useScope(): Scope {
  const namespace = useRouterState({ select: (s) => (s.location.search as Scope).namespace })
  const cluster = useRouterState({ select: (s) => (s.location.search as Scope).cluster })
  return { ...(namespace ? { namespace } : {}), ...(cluster ? { cluster } : {}) }
}

/** useSetScope changes parts of the scope and leaves the page as it is. */
export function useSetScope(): (part: Scope) => void {
  const navigate = useNavigate()
  return useCallback(
    (part) => {
      const next = Object.fromEntries(SCOPE_KEYS.filter((k) => k in part).map((k) => [k, namesOf(part[k]).join(',') || undefined]))
      void navigate({ to: '.', search: ((s: object) => ({ ...s, ...next })) as never, resetScroll: false })
    },
    [navigate],
  )
}

/** withScope puts the scope on a path that did not come from the router. */
export function withScope(path: string, scope: Scope): string {
  const query = new URLSearchParams(SCOPE_KEYS.flatMap((k) => (scope[k] ? [[k, scope[k]]] : []))).toString()
  return query === '' ? path : path + (path.includes('?') ? '&' : '?') + query
}

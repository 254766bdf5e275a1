import { queryOptions, useMutation, useQueryClient } from '@tanstack/react-query'
import { useRouter, useRouterState } from '@tanstack/react-router'
import { del, enc, get, problemOf, put } from '../../api/client'
import type { List, View } from '../../api/types'
import { parseSearch, writeSearch } from '../../search'
import { toast } from '../../shell/toast'

// A view is a name for a page with its query: what is saved under it is an address, and nothing else.

export const viewsQuery = queryOptions({ queryKey: ['views'], queryFn: ({ signal }) => get<List<View>>('views', {}, signal), staleTime: 60_000 })

/** canonical is a query as the console writes it, so that two that mean the same are the same. */
export const canonical = (query: string): string => writeSearch(Object.fromEntries(Object.entries(parseSearch(query)).sort(([a], [b]) => (a < b ? -1 : 1)))).slice(1)

/** isShown says whether a view is what the address has. */
export const isShown = (view: Pick<View, 'page' | 'query'>, page: string, query: string): boolean => pageOf(view) === page && canonical(view.query) === canonical(query)

/** pageOf is the page of a view without slashes around it. */
export const pageOf = (view: Pick<View, 'page'>): string => view.page.replace(/^\/+|\/+$/g, '')

/** addressOf is where a view leads, below the base path. */
export function addressOf(view: Pick<View, 'page' | 'query'>): string {
  const query = canonical(view.query)
  return '/' + pageOf(view) + (query ? '?' + query : '')
}

/** nameProblem says why a name cannot be one; '' means that it can. The server has the last word. */
export function nameProblem(name: string): string {
  if (name === '') return 'a view needs a name'
  if (name.includes('/')) return 'a name has no slashes'
  return [...name].length > 100 ? 'a name has at most 100 letters' : ''
}

/** useHere is the page and the query of the address. */
export function useHere(): { page: string; query: string } {
  const page = useRouterState({ select: (s) => s.location.pathname.replace(/^\/|\/$/g, '') })
  const query = useRouterState({ select: (s) => s.location.searchStr.replace(/^\?/, '') })
  return { page, query }
}

/** useOpenView leads to a view, exactly: a scope or a filter that it does not have goes. */
export function useOpenView(): (view: Pick<View, 'page' | 'query'>) => void {
  const router = useRouter()
  return (view) => router.history.push((router.basepath === '/' ? '' : router.basepath) + addressOf(view))
}

/** useEditViews saves, renames and deletes; what came of it is told. */
export function useEditViews() {
  const client = useQueryClient()
  const told = (text: string) => ({
    onError: (e: unknown) => toast('bad', text, problemOf(e).message),
    onSettled: () => client.invalidateQueries({ queryKey: ['views'] }),
  })
  const write = (view: View) => put<View>(enc`views/${view.name ?? ''}`, { page: view.page, query: view.query })
  const save = useMutation({ mutationFn: write, ...told('The view was not saved'), onSuccess: (v) => toast('good', `View “${v.name}” is saved`) })
  const rename = useMutation({
    // First the new one, so that nothing is lost in between.
    mutationFn: async ({ view, name }: { view: View; name: string }) => {
      await write({ ...view, name })
      await del(enc`views/${view.name ?? ''}`)
    },
    ...told('The view was not renamed'),
  })
  const drop = useMutation({ mutationFn: (view: View) => del(enc`views/${view.name ?? ''}`), ...told('The view was not deleted'), onSuccess: (_, v) => toast('good', `View “${v.name}” is deleted`) })
  return { save, rename, drop }
}

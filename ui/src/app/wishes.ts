import { useMutation, useQueryClient } from '@tanstack/react-query'
import { problemOf } from '../api/client'
import { toast } from '../shell/toast'
import { wishes } from './queries'
import type { Key } from './types'

export type Plain = 'refresh' | 'cancel' | 'suspend' | 'resume'

/** What people ask for with one click. */
export interface Wishes {
  readonly run: (what: Plain) => void
  /** The one that is under way. */
  readonly busy: Plain | undefined
}

const done: Record<Plain, string> = {
  refresh: 'Looking at Git now', cancel: 'Stopping', suspend: 'Suspended: nothing changes until somebody resumes it', resume: 'Following Git again',
}

export function useWishes(app: Key): Wishes {
  const client = useQueryClient()
  const m = useMutation({
    mutationFn: async (what: Plain) => wishes[what](app),
    onSuccess: (_, what) => {
      toast('good', done[what])
      void client.invalidateQueries({ queryKey: ['app', app.namespace, app.name] })
    },
    onError: (e) => {
      const p = problemOf(e)
      toast('bad', p.message, p.next)
    },
  })
  return { run: (what) => m.mutate(what), busy: m.isPending ? m.variables : undefined }
}

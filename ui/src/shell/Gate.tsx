import { useQuery, useQueryClient } from '@tanstack/react-query'
import { lazy, Suspense, useEffect, type ReactNode } from 'react'
import { Failure, problemOf } from '../api/client'
import { meQuery } from '../api/queries'
import { signedIn, useSession } from '../api/session'
import { Button, Problem } from '../components'

const SignIn = lazy(() => import('../pages/SignIn'))

/**
 * Gate asks who reads. The page below begins to read at the same time, so that the first rows need one round trip; whichever
 * answer says 401 brings the sign-in, at the same address.
 */
export function Gate({ children }: { children: ReactNode }) {
  const session = useSession()
  const client = useQueryClient()
  const me = useQuery({ ...meQuery, enabled: session.status === 'unknown', refetchInterval: (q) => (q.state.status === 'error' ? 60_000 : false) })
  useEffect(() => {
    if (me.data && session.status === 'unknown') signedIn(me.data)
  }, [me.data, session.status])
  useEffect(() => {
    if (session.status === 'out') client.clear() // what another person may not see is not kept
  }, [session.status, client])
  if (session.status === 'out')
    return (
      <Suspense>
        <SignIn />
      </Suspense>
    )
  if (session.status === 'unknown' && me.error && !(me.error instanceof Failure && me.error.status === 401))
    return (
      <main style={{ maxWidth: 680, margin: '12vh auto', padding: 16 }}>
        <Problem what="Reaching Plumb" problem={problemOf(me.error)}>
          <Button onClick={() => void me.refetch()} busy={me.isFetching}>
            Try now
          </Button>
        </Problem>
      </main>
    )
  return <>{children}</>
}

import { useQuery } from '@tanstack/react-query'
import { useEffect, type ReactNode } from 'react'
import { meQuery } from '../api/queries'
import { signedIn, useSession } from '../api/session'

/** Gate asks who reads, and shows the console or the sign-in. */
export function Gate({ children }: { children: ReactNode }) {
  const session = useSession()
  const me = useQuery({ ...meQuery, enabled: session.status === 'unknown' })
  useEffect(() => {
    if (me.data) signedIn(me.data)
  }, [me.data])
  if (session.status === 'out') return <p>Signed out</p>
  return <>{children}</>
}

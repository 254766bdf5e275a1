import { signedOut } from '../api/session'
import { safeHref } from '../components'
import { hangUp } from '../live'
import { post, problemOf } from '../api/client'
import { toast } from './toast'

/** signOut ends the sign-in on the server, then here and in the other tabs. */
export async function signOut() {
  try {
    const answer = await post<{ next?: string } | undefined>('signout')
    const next = safeHref(answer?.next)
    if (next) {
      hangUp()
      location.assign(next) // the provider's own session is ended there
      return
    }
  } catch (e) {
    if (problemOf(e).status !== 401) return toast('bad', 'Signing out failed', problemOf(e).message)
  }
  hangUp()
  signedOut()
}

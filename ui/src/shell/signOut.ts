import { post } from '../api/client'
import { sessionState, signedOut } from '../api/session'
import { hangUp } from '../live'
import { problemOf } from '../api/client'
import { toast } from './toast'

/** signOut ends the sign-in on the server, then here and in the other tabs. */
export async function signOut() {
  try {
    await post(sessionState().me?.signOut?.replace(/^.*api\/v1\//, '') ?? 'signout')
  } catch (e) {
    if (problemOf(e).status !== 401) return toast('bad', 'Signing out failed', problemOf(e).message)
  }
  hangUp()
  signedOut()
}

import { useSyncExternalStore } from 'react'
import type { Me, ProblemBody } from './types'

/** Session is who reads: not known yet, signed in, or not (any more). */
export interface Session {
  status: 'unknown' | 'in' | 'out'
  me?: Me
  csrf?: string
  problem?: ProblemBody
}

let state: Session = { status: 'unknown' }
const listeners = new Set<() => void>()

function set(next: Session) {
  state = next
  listeners.forEach((f) => f())
}

export const sessionState = () => state
export function signedIn(me: Me) {
  set({ status: 'in', me, csrf: me.csrf })
}
export function signedOut(problem?: ProblemBody) {
  if (state.status === 'out') return
  // Who was never signed in need not be told so.
  set({ status: 'out', problem: state.status === 'in' ? problem : undefined })
}
export function forgetSession() {
  set({ status: 'unknown' })
}
export function onSession(f: () => void): () => void {
  listeners.add(f)
  return () => listeners.delete(f)
}
/** sessionKnown is resolved once it is known who reads. */
export function sessionKnown(): Promise<Session> {
  if (state.status !== 'unknown') return Promise.resolve(state)
  return new Promise((done) => {
    const off = onSession(() => {
      if (state.status === 'unknown') return
      off()
      done(state)
    })
  })
}
export function useSession(): Session {
  return useSyncExternalStore(onSession, sessionState)
}

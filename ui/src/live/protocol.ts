import type { AppsDelta, ProblemBody } from '../api/types'

/** Status is how the one connection to the server is. Times are milliseconds. */
export type Status =
  | { kind: 'connecting' }
  | { kind: 'live'; at: number } // at: when the last word came, heartbeats included
  | { kind: 'down'; since: number; retryAt: number; message: string }
  | { kind: 'out'; problem: ProblemBody } // the sign-in ended: nothing is tried until somebody signs in
  | { kind: 'idle' } // not started

/** Message goes from the connection to every tab. */
export type Message = { kind: 'status'; status: Status } | { kind: 'apps'; delta: AppsDelta } | { kind: 'reset' }

/** Command goes from a tab to the connection. */
export type Command = { kind: 'start'; url: string } | { kind: 'retry' } | { kind: 'stop' } | { kind: 'bye' }

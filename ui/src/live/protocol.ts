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

/** Command goes from a tab to the connection. since is the `<epoch>-<seq>` of the first page that the tab read. */
export type Command = { kind: 'start'; url: string; since?: string | undefined } | { kind: 'retry' } | { kind: 'stop' } | { kind: 'bye' }

/** after says whether an event's ID is a later one than another, or of another run of the server: between them something was told. */
export function after(id: string, since: string): boolean {
  const cut = (text: string) => [text.slice(0, text.lastIndexOf('-')), Number(text.slice(text.lastIndexOf('-') + 1))] as const
  const [epoch, seq] = cut(id)
  const [epochThen, seqThen] = cut(since)
  return epoch !== epochThen || seq > seqThen
}

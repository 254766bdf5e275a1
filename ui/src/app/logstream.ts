import { apiURL, type Params, readProblem } from '../api/client'
import type { ProblemBody } from '../api/types'
import { eventParser } from '../live/sse'
import type { LogLine } from './types'

export type LogStatus =
  | { kind: 'connecting' }
  | { kind: 'open' }
  | { kind: 'ended'; message: string }
  | { kind: 'failed'; problem: ProblemBody }

export interface LogSink {
  lines: (lines: LogLine[]) => void
  /** The server left out lines because this reader was too slow. */
  dropped: (lines: number) => void
  status: (s: LogStatus) => void
}

/**
 * Reads a log until the signal says stop or the log ends. A connection that breaks is said, not made again by itself:
 * what was missed meanwhile would be a gap that nobody sees.
 */
export async function readLog(path: string, params: Params, sink: LogSink, signal: AbortSignal, ask: typeof fetch = fetch): Promise<void> {
  sink.status({ kind: 'connecting' })
  let over = false
  const end = (s: LogStatus) => {
    if (over || signal.aborted) return
    over = true
    sink.status(s)
  }
  try {
    const answer = await ask(apiURL(path, params), { headers: { Accept: 'text/event-stream' }, credentials: 'same-origin', cache: 'no-store', signal })
    if (!answer.ok || answer.body === null) return end({ kind: 'failed', problem: await readProblem(answer) })
    sink.status({ kind: 'open' })
    const parse = eventParser((e) => take(e.event, e.data, sink, end), () => undefined)
    const reader = answer.body.getReader()
    const decode = new TextDecoder()
    for (;;) {
      const { done, value } = await reader.read()
      if (done) break
      parse(decode.decode(value, { stream: true }))
    }
    end({ kind: 'failed', problem: { status: 0, reason: 'Unreachable', message: 'The stream of the log ended before the log did.', next: 'Follow it again.' } })
  } catch {
    end({ kind: 'failed', problem: { status: 0, reason: 'Unreachable', message: 'The server does not answer.', next: 'Follow it again.' } })
  }
}

function take(event: string, data: string, sink: LogSink, end: (s: LogStatus) => void): void {
  let body: unknown
  try {
    body = JSON.parse(data)
  } catch {
    return // not ours: a newer server may say more than we know
  }
  if (event === 'lines' && Array.isArray(body)) sink.lines(body as LogLine[])
  else if (event === 'dropped') sink.dropped(Number((body as { lines?: unknown }).lines) || 0)
  else if (event === 'end') end({ kind: 'ended', message: String((body as { message?: unknown }).message ?? '') })
  else if (event === 'problem') end({ kind: 'failed', problem: body as ProblemBody })
}

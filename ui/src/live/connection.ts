import type { AppsDelta, ProblemBody } from '../api/types'
import { eventParser, type ServerEvent } from './sse'
import { after, type Message, type Status } from './protocol'

/** Steps between attempts, in seconds; the last one stays. Each gets up to a quarter of jitter on top. */
export const BACKOFF = [1, 5, 25, 60] as const
/** A connection that says nothing for this long is dead: the server beats every 15 seconds. */
const SILENCE = 45_000

export interface Options {
  url: string
  /** The `<epoch>-<seq>` of what was read before; absent: changes are told from the connection on. */
  since?: string | undefined
  emit: (m: Message) => void
  fetch?: typeof fetch
  now?: () => number
  random?: () => number
}

/**
 * Connection is the one event stream of a browser. It is read with fetch and not with EventSource, which hides the status
 * (a sign-in that ended looks like a broken network), and which tries again every three seconds for ever.
 * It ends at 401, 403 and `signout`, and begins again when told.
 */
export class Connection {
  private readonly o: Required<Omit<Options, 'since'>>
  private from: string
  private lastID = ''
  private failures = 0
  private since = 0
  private timer: ReturnType<typeof setTimeout> | undefined
  private watchdog: ReturnType<typeof setTimeout> | undefined
  private abort: AbortController | undefined
  private told = 0
  status: Status = { kind: 'idle' }

  constructor({ since = '', ...o }: Options) {
    this.from = since
    this.o = { fetch: (...a) => fetch(...a), now: Date.now, random: Math.random, ...o }
  }

  /** start connects, at once, whatever was before. */
  start() {
    this.stop()
    this.failures = 0
    this.set({ kind: 'connecting' })
    void this.run()
  }

  /** retry is a person's wish: now, without waiting for the back-off. It does not revive an ended sign-in. */
  retry() {
    if (this.status.kind !== 'down') return
    clearTimeout(this.timer)
    void this.run()
  }

  /** missed says whether something may have been told, before now, that a reader of a page with this ID has not seen. */
  missed(since: string | undefined): boolean {
    if (!since) return false
    const told = this.lastID || this.from
    return told === '' || after(told, since)
  }

  stop() {
    clearTimeout(this.timer)
    clearTimeout(this.watchdog)
    this.abort?.abort()
    this.abort = undefined
    this.status = { kind: 'idle' }
  }

  private set(status: Status) {
    this.status = status
    this.o.emit({ kind: 'status', status })
  }

  // Until the first event has an ID, the first page's says from where on; the header says it afterwards.
  private address(): string {
    if (this.from === '' || this.lastID !== '') return this.o.url
    return `${this.o.url}${this.o.url.includes('?') ? '&' : '?'}since=${encodeURIComponent(this.from)}`
  }

  private async run() {
    const abort = (this.abort = new AbortController())
    const headers: Record<string, string> = { Accept: 'text/event-stream' }
    if (this.lastID) headers['Last-Event-ID'] = this.lastID
    let message = 'The server does not answer.'
    this.beat()
    try {
      const answer = await this.o.fetch(this.address(), { headers, credentials: 'same-origin', cache: 'no-store', signal: abort.signal })
      if (answer.status === 401 || answer.status === 403) return this.ended(await problem(answer))
      if (!answer.ok || !answer.body) throw new Error(`The server answered ${answer.status}.`)
      this.alive(true)
      await this.read(answer.body)
      message = 'The server ended the stream.'
    } catch (e) {
      if (e instanceof Error && e.message.startsWith('The server')) message = e.message
    }
    clearTimeout(this.watchdog)
    if (this.abort === abort && this.status.kind !== 'out') this.later(message)
  }

  private async read(body: ReadableStream<Uint8Array>) {
    const decode = new TextDecoder()
    const reader = body.getReader()
    const parse = eventParser((e) => this.take(e), () => this.alive(false))
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      this.beat()
      parse(decode.decode(value, { stream: true }))
    }
  }

  private take(e: ServerEvent) {
    if (e.id) this.lastID = e.id
    this.alive(false)
    let data: unknown
    try {
      data = JSON.parse(e.data)
    } catch {
      return // not ours: a newer server may say more than we know
    }
    if (e.event === 'apps') this.o.emit({ kind: 'apps', delta: data as AppsDelta })
    else if (e.event === 'reset') this.o.emit({ kind: 'reset' })
    else if (e.event === 'signout') this.ended(data as ProblemBody)
  }

  private ended(problem: ProblemBody) {
    clearTimeout(this.timer)
    clearTimeout(this.watchdog)
    this.lastID = this.from = ''
    this.set({ kind: 'out', problem })
    this.abort?.abort()
  }

  private alive(first: boolean) {
    const now = this.o.now()
    this.failures = first ? this.failures : 0
    this.since = 0
    if (this.status.kind === 'live' && now - this.told < 1000) return
    this.told = now
    this.set({ kind: 'live', at: now })
  }

  private beat() {
    clearTimeout(this.watchdog)
    this.watchdog = setTimeout(() => this.abort?.abort(), SILENCE)
  }

  private later(message: string) {
    const seconds = BACKOFF[Math.min(this.failures, BACKOFF.length - 1)]! * (1 + this.o.random() / 4)
    this.failures++
    const now = this.o.now()
    this.since ||= now
    this.set({ kind: 'down', since: this.since, retryAt: now + seconds * 1000, message })
    this.timer = setTimeout(() => void this.run(), seconds * 1000)
  }
}

async function problem(answer: Response): Promise<ProblemBody> {
  try {
    return { status: answer.status, reason: 'SignIn', message: 'The sign-in ended.', ...((await answer.json()) as Partial<ProblemBody>) }
  } catch {
    return { status: answer.status, reason: 'SignIn', message: 'The sign-in ended.' }
  }
}

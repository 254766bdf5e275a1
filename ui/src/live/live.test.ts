import type { InfiniteData } from '@tanstack/react-query'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { AppPage, AppRow, Wall } from '../api/types'
import { Connection } from './connection'
import { oldest, patchPages, patchWall } from './patch'
import { after, type Message } from './protocol'
import { eventParser, type ServerEvent } from './sse'

const row = (name: string, state = 'Synced', more: Partial<AppRow> = {}): AppRow => ({ namespace: 'shop', name, cluster: 'c', state, since: '2026-01-01T00:00:00Z', sync: 'Synced', health: 'Healthy', objects: 1, ...more })

describe('an event stream in pieces', () => {
  const read = (...pieces: string[]) => {
    const events: ServerEvent[] = []
    let beats = 0
    const parse = eventParser((e) => events.push(e), () => beats++)
    pieces.forEach((p) => parse(p))
    return { events, beats }
  }
  it('is put together', () => expect(read('id: e-1\nev', 'ent: apps\ndata: {"a"', ':1}\n', '\n').events).toEqual([{ id: 'e-1', event: 'apps', data: '{"a":1}' }]))
  it('has lines that end with CR LF', () => expect(read('data: x\r\n\r\n').events).toEqual([{ id: '', event: 'message', data: 'x' }]))
  it('joins the lines of one event', () => expect(read('data: a\ndata: b\n\n').events[0]?.data).toBe('a\nb'))
  it('keeps the last id', () => expect(read('id: 1\ndata: a\n\ndata: b\n\n').events.map((e) => e.id)).toEqual(['1', '1']))
  it('counts comments as signs of life', () => expect(read(': beat\n\n: beat\n').beats).toBe(2))
  it('is the same however it is cut', () => {
    const text = ': hi\nid: e-1\nevent: apps\ndata: {"rows":[]}\n\ndata: 2\n\n'
    const whole = read(text).events
    for (let i = 1; i < text.length; i++) expect(read(text.slice(0, i), text.slice(i)).events).toEqual(whole)
  })
})

describe('rows on the screen', () => {
  const pages = (...rows: AppRow[]): InfiniteData<AppPage> => ({ pages: [{ items: rows, epoch: 'e', seq: 1 }], pageParams: [''] })
  it('get their newest state in place', () => {
    const { data, stale } = patchPages(pages(row('a'), row('b')), { rows: [row('b', 'Failed')] })
    expect(data?.pages[0]?.items.map((r) => r.state)).toEqual(['Synced', 'Failed'])
    expect(stale).toBe(true)
  })
  it('are not asked for again when only a time changed', () => {
    const { stale } = patchPages(pages(row('a')), { rows: [row('a', 'Synced', { since: '2026-02-01T00:00:00Z' })] })
    expect(stale).toBe(false)
  })
  it('go when the App is gone', () => expect(patchPages(pages(row('a'), row('b')), { gone: ['shop/a'] }).data?.pages[0]?.items.map((r) => r.name)).toEqual(['b']))
  it('stay the same object when nothing of them changed', () => {
    const before = pages(row('a'))
    expect(patchPages(before, { rows: [row('other')] })).toEqual({ data: before, stale: true })
    expect(patchPages(before, { rows: [row('other')] }).data).toBe(before)
  })
  it('are not invented', () => expect(patchPages(undefined, { rows: [row('a')] })).toEqual({ data: undefined, stale: false }))

  const wall: Wall = { epoch: 'e', seq: 1, total: 2, counts: { Failed: 2 }, groups: [], problems: [row('a', 'Failed'), row('b', 'Failed')], causes: [], day: { deployments: 0, failed: 0, rolledBack: 0, drift: 0 } }
  it('leave "needs you" when they are well again', () => expect(patchWall(wall, { rows: [row('a')], counts: { Failed: 1, Synced: 1 } }, true)).toMatchObject({ counts: { Failed: 1 }, problems: [{ name: 'b' }] }))
  it('do not change the counts of a filtered wall', () => expect(patchWall(wall, { counts: { Failed: 9 } }, false)?.counts).toEqual({ Failed: 2 }))
})

/** server answers fetches with whatever is next, and counts them. */
function server(...answers: (() => Response | Promise<Response>)[]) {
  const headers: Headers[] = []
  const fetch = vi.fn((_url: unknown, init?: RequestInit) => {
    headers.push(new Headers(init?.headers))
    const next = answers.length > 1 ? answers.shift()! : answers[0]!
    return Promise.resolve(next())
  })
  return { fetch: fetch as unknown as typeof globalThis.fetch, headers }
}
const ends = (text: string) => () => new Response(new Blob([text]).stream())
const hangs = (text: string) => () =>
  new Response(
    new ReadableStream({
      start: (c) => c.enqueue(new TextEncoder().encode(text)),
    }),
  )
const status = (code: number, body = '{}') => () => new Response(body, { status: code })
const down = () => Promise.reject(new TypeError('no network'))

describe('what was read first', () => {
  const page = (epoch: string, seq: number) => ({ items: [], epoch, seq })
  it('is the oldest of all pages and walls', () => expect(oldest([undefined, { pages: [page('e', 9), page('e', 7)], pageParams: [] }, { total: 1, epoch: 'e', seq: 8 }])).toBe('e-7'))
  it('is nothing where only counts were read', () => expect(oldest([{ total: 3, facets: [] }, undefined])).toBeUndefined())
  const cases: [string, string, boolean][] = [['a-b-9', 'a-b-9', false], ['a-b-10', 'a-b-9', true], ['a-b-8', 'a-b-9', false], ['x-1', 'y-1', true]]
  for (const [id, since, want] of cases) it(`${id} ${want ? 'tells more than' : 'is in'} ${since}`, () => expect(after(id, since)).toBe(want))
})

describe('the connection', () => {
  beforeEach(() => void vi.useFakeTimers())
  afterEach(() => void vi.useRealTimers())
  const open = (s: ReturnType<typeof server>) => {
    const messages: Message[] = []
    const c = new Connection({ url: '/stream', emit: (m) => messages.push(m), fetch: s.fetch, random: () => 1 })
    c.start()
    return { c, messages, kinds: () => messages.flatMap((m) => (m.kind === 'status' ? [m.status.kind] : [m.kind])) }
  }

  it('begins where the first page ends, and later where the last event did', async () => {
    const s = server(down, ends('id: e-9\nevent: apps\ndata: {}\n\n'), hangs(': x\n\n'))
    const c = new Connection({ url: '/stream', since: 'e-7', emit: () => {}, fetch: s.fetch, random: () => 1 })
    c.start()
    await vi.advanceTimersByTimeAsync(20_000)
    expect(vi.mocked(s.fetch).mock.calls.map((a) => a[0])).toEqual(['/stream?since=e-7', '/stream?since=e-7', '/stream'])
    expect(s.headers.map((h) => h.get('last-event-id'))).toEqual([null, null, 'e-9'])
    expect([c.missed('e-8'), c.missed('e-9'), c.missed('other-9'), c.missed(undefined)]).toEqual([true, false, true, false])
  })
  it('cannot tell a newcomer what it told before it knew where it began', () => {
    const { c } = open(server(hangs(': x\n\n')))
    expect([c.missed('e-1'), c.missed(undefined)]).toEqual([true, false])
  })
  it('asks at most twice a minute while the server is down, from the second minute on', async () => {
    const s = server(down)
    open(s)
    await vi.advanceTimersByTimeAsync(60_000)
    const first = vi.mocked(s.fetch).mock.calls.length
    expect(first).toBeLessThanOrEqual(4)
    await vi.advanceTimersByTimeAsync(600_000)
    expect(vi.mocked(s.fetch).mock.calls.length - first).toBeLessThanOrEqual(20)
  })
  it('asks never again when the sign-in ended', async () => {
    const s = server(status(401, '{"reason":"SignIn","message":"sign in again"}'))
    const { messages } = open(s)
    await vi.advanceTimersByTimeAsync(3_600_000)
    expect(s.fetch).toHaveBeenCalledTimes(1)
    expect(messages.at(-1)).toMatchObject({ kind: 'status', status: { kind: 'out', problem: { message: 'sign in again' } } })
  })
  it('ends when the server says that the sign-in ended', async () => {
    const s = server(ends('event: signout\ndata: {"status":401,"reason":"SignIn","message":"expired"}\n\n'))
    const { c } = open(s)
    await vi.advanceTimersByTimeAsync(3_600_000)
    expect(s.fetch).toHaveBeenCalledTimes(1)
    expect(c.status).toMatchObject({ kind: 'out' })
  })
  it('comes back where it was', async () => {
    const s = server(ends('id: e-7\nevent: apps\ndata: {"rows":[]}\n\n'), hangs(': hello\n\n'))
    const { kinds } = open(s)
    await vi.advanceTimersByTimeAsync(2_000)
    expect(s.headers.map((h) => h.get('Last-Event-ID'))).toEqual([null, 'e-7'])
    expect(kinds()).toEqual(['connecting', 'live', 'apps', 'down', 'live'])
  })
  it('hands on what it understands, and nothing else', async () => {
    const s = server(hangs('event: apps\ndata: {"gone":["a/b"]}\n\nevent: apps\ndata: not json\n\nevent: later\ndata: {}\n\nevent: reset\ndata: {"epoch":"x","seq":1}\n\n'))
    const { messages } = open(s)
    await vi.advanceTimersByTimeAsync(100)
    expect(messages.filter((m) => m.kind !== 'status')).toEqual([{ kind: 'apps', delta: { gone: ['a/b'] } }, { kind: 'reset' }])
  })
  it('notices a connection that says nothing', async () => {
    const s = server(() => new Response(new ReadableStream({})), hangs(': x\n\n'))
    vi.mocked(s.fetch).mockImplementationOnce((_u, init) => new Promise((_d, fail) => init?.signal?.addEventListener('abort', () => fail(new Error('aborted')))))
    open(s)
    await vi.advanceTimersByTimeAsync(50_000)
    expect(s.fetch).toHaveBeenCalledTimes(2)
  })
  it('is tried at once when a person wants it', async () => {
    const s = server(down, down, down, hangs(': x\n\n'))
    const { c } = open(s)
    await vi.advanceTimersByTimeAsync(8_000)
    expect(c.status.kind).toBe('down')
    c.retry()
    await vi.advanceTimersByTimeAsync(10)
    expect(s.fetch).toHaveBeenCalledTimes(4)
    expect(c.status.kind).toBe('live')
  })
  it('waits longer after each failure, although an answer began', async () => {
    const s = server(status(502))
    open(s)
    await vi.advanceTimersByTimeAsync(5_000)
    expect(s.fetch).toHaveBeenCalledTimes(2)
  })
})

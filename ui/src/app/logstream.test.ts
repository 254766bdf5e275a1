import { describe, expect, it } from 'vitest'

import { type LogStatus, readLog } from './logstream'
import type { LogLine } from './types'

async function read(answer: () => Promise<Response> | Response) {
  const lines: LogLine[] = []
  const said: LogStatus[] = []
  let dropped = 0
  await readLog('apps/a/b/logs', { follow: true }, { lines: (l) => lines.push(...l), dropped: (n) => (dropped += n), status: (s) => said.push(s) }, new AbortController().signal, async () => answer())
  return { lines, said, dropped }
}
const stream = (...chunks: string[]) => new Response(new ReadableStream({
  start(c) {
    for (const x of chunks) c.enqueue(new TextEncoder().encode(x))
    c.close()
  },
}))

describe('reading a log', () => {
  it('takes lines in any pieces, and ends when the container does', async () => {
    const r = await read(() => stream('event: lines\ndata: [{"pod":"p","contai', 'ner":"c","text":"one ✖"}]\n\n: beat\n\nevent: dropped\ndata: {"lines":7}\n\n', 'event: end\ndata: {"message":"done"}\n\n'))
    expect(r.lines.map((l) => l.text)).toEqual(['one ✖'])
    expect(r.dropped).toBe(7)
    expect(r.said).toEqual([{ kind: 'connecting' }, { kind: 'open' }, { kind: 'ended', message: 'done' }])
  })

  it('says why it may not be read', async () => {
    const r = await read(() => new Response(JSON.stringify({ reason: 'Forbidden', message: 'ana may not logs App a/b', next: 'ask' }), { status: 403 }))
    expect(r.said.at(-1)).toMatchObject({ kind: 'failed', problem: { status: 403, reason: 'Forbidden', next: 'ask' } })
  })

  it('tells a stream that broke from a log that ended', async () => {
    expect((await read(() => stream('event: lines\ndata: []\n\n'))).said.at(-1)).toMatchObject({ kind: 'failed' })
    expect((await read(() => Promise.reject(new Error('net')))).said.at(-1)).toMatchObject({ kind: 'failed', problem: { reason: 'Unreachable' } })
  })

  it('leaves out what it does not know', async () => {
    const r = await read(() => stream('event: news\ndata: {}\n\nevent: lines\ndata: nonsense\n\nevent: problem\ndata: {"reason":"X","message":"m","status":502}\n\n'))
    expect(r.lines).toEqual([])
    expect(r.said.at(-1)).toMatchObject({ kind: 'failed', problem: { reason: 'X' } })
  })
})

import { Connection } from './connection'
import type { Command, Message } from './protocol'

/** Transport carries commands to the one connection and its messages back. */
export type Transport = (c: Command) => void

/** openTransport shares one connection among all tabs: by a SharedWorker, else by the tab that holds a lock. */
export function openTransport(take: (m: Message) => void): Transport {
  if (typeof SharedWorker === 'function') {
    try {
      return byWorker(take)
    } catch {
      // a policy of the browser forbids it
    }
  }
  return byLock(take)
}

function byWorker(take: (m: Message) => void): Transport {
  const worker = new SharedWorker(new URL('./worker.ts', import.meta.url), { type: 'module', name: 'plumb-live' })
  worker.port.onmessage = (e: MessageEvent<Message>) => take(e.data)
  worker.port.start()
  const send: Transport = (c) => worker.port.postMessage(c)
  window.addEventListener('pagehide', () => send({ kind: 'bye' }))
  return send
}

// Where there is no SharedWorker, the tab that holds the lock is connected and tells the others over a channel. Where
// there are no locks either (a page that is not secure), every tab is connected by itself.
function byLock(take: (m: Message) => void): Transport {
  const channel = typeof BroadcastChannel === 'function' ? new BroadcastChannel('plumb-live') : undefined
  let connection: Connection | undefined
  let url = ''
  let since: string | undefined
  let leader = false
  const tell = (m: Message) => {
    take(m)
    channel?.postMessage({ from: m })
  }
  const obey = (c: Command) => {
    if (c.kind === 'start') {
      url = c.url
      since = c.since
      if (!leader) return
      if (connection && ['live', 'connecting', 'down'].includes(connection.status.kind)) {
        tell({ kind: 'status', status: connection.status })
        return connection.missed(since) ? tell({ kind: 'reset' }) : undefined
      }
      connection = new Connection({ url, since, emit: tell })
      connection.start()
    } else if (c.kind === 'retry') connection?.retry()
    else if (c.kind === 'stop') connection?.stop()
  }
  if (channel)
    channel.onmessage = (e: MessageEvent<{ from?: Message; to?: Command }>) => {
      if (e.data.from && !leader) take(e.data.from)
      if (e.data.to && leader) obey(e.data.to)
    }
  const lead = () => {
    leader = true
    if (url) obey({ kind: 'start', url, since })
  }
  if (channel && navigator.locks) {
    void navigator.locks.request('plumb-live', () => {
      lead()
      return new Promise(() => {}) // until this tab is closed
    })
  } else lead()
  return (c) => {
    obey(c)
    if (!leader) channel?.postMessage({ to: c })
  }
}

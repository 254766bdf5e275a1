import { Connection } from './connection'
import type { Command, Message, Status } from './protocol'

// The SharedWorker: one connection for all tabs of this browser. It ends when the last tab does.
declare const self: { onconnect: ((e: MessageEvent) => void) | null }

const ports = new Set<MessagePort>()
let connection: Connection | undefined
let status: Status = { kind: 'idle' }

function emit(m: Message) {
  if (m.kind === 'status') status = m.status
  for (const p of ports) p.postMessage(m)
}

function take(port: MessagePort, c: Command) {
  switch (c.kind) {
    case 'start':
      if (!connection || status.kind === 'out' || status.kind === 'idle') {
        connection?.stop()
        connection = new Connection({ url: c.url, since: c.since, emit })
        connection.start()
      } else {
        port.postMessage({ kind: 'status', status } satisfies Message)
        // What was told before this tab came, it reads.
        if (connection.missed(c.since)) port.postMessage({ kind: 'reset' } satisfies Message)
      }
      return
    case 'retry':
      return connection?.retry()
    case 'stop':
      connection?.stop()
      return emit({ kind: 'status', status: { kind: 'idle' } })
    case 'bye':
      ports.delete(port)
      if (ports.size === 0) {
        connection?.stop()
        status = { kind: 'idle' }
      }
  }
}

self.onconnect = (e) => {
  const port = e.ports[0]!
  ports.add(port)
  port.onmessage = (m: MessageEvent<Command>) => take(port, m.data)
  port.start()
}

// A proxy before the server: it counts, and it can be a server that is down, or that knows nobody any more.
import { createServer, request } from 'node:http'

/** proxy listens on a free port. calls holds "METHOD /path" of what came; mode is pass, down or 401. */
export async function proxy(target) {
  const to = new URL(target)
  const state = { mode: 'pass', calls: [], streams: 0, most: 0 }
  const server = createServer((req, res) => {
    const path = new URL(req.url, 'http://proxy').pathname
    state.calls.push({ at: Date.now(), method: req.method, path })
    if (state.mode === 'down') return req.socket.destroy()
    if (state.mode === '401' && path.startsWith('/api/') && path !== '/api/v1/signin') {
      res.writeHead(401, { 'Content-Type': 'application/json' })
      return res.end(JSON.stringify({ status: 401, reason: 'SignIn', message: 'the sign-in ended' }))
    }
    const stream = path.endsWith('/api/v1/stream')
    if (stream) state.most = Math.max(state.most, ++state.streams)
    const up = request({ host: to.hostname, port: to.port, path: req.url, method: req.method, headers: req.headers }, (answer) => {
      res.writeHead(answer.statusCode, answer.headers)
      answer.pipe(res)
    })
    up.on('error', () => res.destroy())
    res.on('close', () => {
      if (stream) state.streams--
      up.destroy()
    })
    req.pipe(up)
  })
  await new Promise((done) => server.listen(0, '127.0.0.1', done))
  const sockets = new Set()
  server.on('connection', (s) => {
    sockets.add(s)
    s.on('close', () => sockets.delete(s))
  })
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    state,
    /** cut ends every open connection, as a proxy that restarts does. */
    cut: () => sockets.forEach((s) => s.destroy()),
    close: () => {
      sockets.forEach((s) => s.destroy())
      server.close()
    },
  }
}

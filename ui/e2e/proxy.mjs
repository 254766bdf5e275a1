// A proxy before the server: it counts, and it can be a server that is down, or that knows nobody any more.
import { createServer, request } from 'node:http'

/**
 * proxy listens on a free port. calls holds what came; mode is pass, down or 401; before(path) is awaited ahead of each call. With a prefix the console is below that path,
 * as its server would have it with --base-path.
 */
export async function proxy(target, prefix = '') {
  const to = new URL(target)
  const state = { mode: 'pass', before: undefined, calls: [], streams: 0, most: 0 }
  const inner = (url) => (prefix && url.startsWith(prefix + '/') ? url.slice(prefix.length) : url)
  const based = (answer, res) => {
    let page = ''
    answer.setEncoding('utf8')
    answer.on('data', (d) => (page += d))
    answer.on('end', () => {
      const { 'content-length': _, etag: __, ...headers } = answer.headers
      res.writeHead(answer.statusCode, headers)
      res.end(page.replace(/<base href="[^"]*"/, `<base href="${prefix}/"`))
    })
  }
  const server = createServer(async (req, res) => {
    const { pathname: path, search: query } = new URL(inner(req.url), 'http://proxy')
    if (prefix) req.headers['accept-encoding'] = 'identity'
    state.calls.push({ at: Date.now(), method: req.method, path, query })
    await state.before?.(path)
    if (state.mode === 'down') return req.socket.destroy()
    if (state.mode === '401' && path.startsWith('/api/') && path !== '/api/v1/signin') {
      res.writeHead(401, { 'Content-Type': 'application/json' })
      return res.end(JSON.stringify({ status: 401, reason: 'SignIn', message: 'the sign-in ended' }))
    }
    const stream = path.endsWith('/api/v1/stream')
    if (stream) state.most = Math.max(state.most, ++state.streams)
    const up = request({ host: to.hostname, port: to.port, path: inner(req.url), method: req.method, headers: req.headers }, (answer) => {
      if (prefix && /html/.test(answer.headers['content-type'])) return based(answer, res)
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
    url: `http://127.0.0.1:${server.address().port}${prefix}`,
    state,
    /** cut ends every open connection, as a proxy that restarts does. */
    cut: () => sockets.forEach((s) => s.destroy()),
    close: () => {
      sockets.forEach((s) => s.destroy())
      server.close()
    },
  }
}

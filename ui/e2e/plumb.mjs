// A real Plumb with a real control plane for the journeys: started as a child process, filled through the Kubernetes API.
import { execFile, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { Agent, request } from 'node:https'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..', '..')
const run = promisify(execFile)

/** start runs plumb up in a directory of its own, and waits until it is ready. */
export async function start({ listen = '127.0.0.1:0', dir = mkdtempSync(join(tmpdir(), 'plumb-e2e-')) } = {}) {
  const binary = process.env.PLUMB_BINARY ?? join(root, 'bin', 'plumb')
  const plane = process.env.PLUMB_CONTROLPLANE ?? join(root, 'bin', 'plumb-controlplane')
  const env = { ...process.env, PLUMB_CONFIG_DIR: join(dir, 'sign-in'), PLUMB_SERVER: '', PLUMB_TOKEN: '', NO_COLOR: '1' }
  const child = spawn(binary, ['up', '--dir', dir, '--listen', listen, '--controlplane', plane], { env, stdio: ['ignore', 'pipe', 'pipe'] })
  let said = ''
  child.stderr.on('data', (d) => (said = (said + d).slice(-4000)))
  const ready = await new Promise((done, fail) => {
    const late = setTimeout(() => fail(new Error('plumb up was not ready within two minutes\n' + said)), 120_000)
    child.once('exit', (code) => (clearTimeout(late), fail(new Error(`plumb up ended with ${code}\n${said}`))))
    createInterface({ input: child.stdout }).on('line', (line) => {
      if (!line.startsWith('READY ')) return
      clearTimeout(late)
      done(Object.fromEntries(line.slice(6).split(' ').map((f) => f.split('='))))
    })
  })
  const kube = client(ready.kubeconfig)
  return {
    api: ready.api,
    dir,
    kube,
    pid: child.pid,
    /** command runs plumb with arguments; it gives stdout, and throws where the exit code is not 0. */
    command: async (...args) => (await run(binary, args, { env: { ...env, KUBECONFIG: ready.kubeconfig } })).stdout,
    /** read asks Plumb's API, as the command line does. */
    read: async (path) => {
      const { token } = JSON.parse(readFileSync(join(dir, 'sign-in', 'session.json'), 'utf8'))
      const answer = await fetch(`${ready.api}/api/v1/${path}`, { headers: { Authorization: 'Bearer ' + token } })
      if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`)
      return answer.json()
    },
    /** signInAddress signs a browser in, once. */
    signInAddress: async () => (await run(binary, ['ui', '--print'], { env: { ...env, KUBECONFIG: ready.kubeconfig } })).stdout.trim(),
    async stop({ keep = false } = {}) {
      kube.close()
      child.kill('SIGTERM')
      const late = setTimeout(() => child.kill('SIGKILL'), 40_000)
      if (child.exitCode === null) await new Promise((done) => child.once('exit', done))
      clearTimeout(late)
      if (!keep) rmSync(dir, { recursive: true, force: true })
    },
  }
}

/** client speaks to the API server with the certificate of a kubeconfig. */
function client(path) {
  const text = readFileSync(path, 'utf8')
  const field = (name) => new RegExp(`${name}: "?([^"\\s]+)`).exec(text)?.[1]
  const raw = (name) => Buffer.from(field(name) ?? '', 'base64')
  const server = new URL(field('server'))
  const token = field('token')
  const agent = new Agent({ keepAlive: true, maxSockets: 24, ca: raw('certificate-authority-data'), ...(token ? {} : { cert: raw('client-certificate-data'), key: raw('client-key-data') }) })
  const send = (method, path, body, type = 'application/json') =>
    new Promise((done, fail) => {
      const headers = { Accept: 'application/json', ...(body ? { 'Content-Type': type } : {}), ...(token ? { Authorization: 'Bearer ' + token } : {}) }
      const r = request(new URL(path, server), { method, agent, headers }, (answer) => {
        let text = ''
        answer.setEncoding('utf8')
        answer.on('data', (d) => (text += d))
        answer.on('end', () => {
          const value = text.startsWith('{') ? JSON.parse(text) : text
          if (answer.statusCode < 300) done(value)
          else fail(new Error(`${method} ${path}: ${answer.statusCode} ${value?.message ?? text}`))
        })
      })
      r.on('error', fail)
      r.end(body)
    })
  return {
    send,
    get: (path) => send('GET', path),
    /** apply is a server-side apply of one object; plural is its resource. */
    apply: (o, plural) => {
      const group = o.apiVersion.includes('/') ? '/apis/' + o.apiVersion : '/api/' + o.apiVersion
      const space = o.metadata.namespace ? `/namespaces/${o.metadata.namespace}` : ''
      return send('PATCH', `${group}${space}/${plural}/${o.metadata.name}?fieldManager=e2e&force=true`, JSON.stringify(o), 'application/apply-patch+yaml')
    },
    merge: (path, patch) => send('PATCH', path, JSON.stringify(patch), 'application/merge-patch+json'),
    close: () => agent.destroy(),
  }
}

/** repository makes a bare repository with a work tree beside it; write(files) commits and pushes them. */
export async function repository(dir, name) {
  const bare = join(dir, name + '.git')
  const work = join(dir, name)
  const git = (...args) => run('git', ['-C', work, '-c', 'user.name=Ana Ruiz', '-c', 'user.email=ana@example.com', '-c', 'commit.gpgsign=false', ...args])
  await run('git', ['init', '-q', '--bare', '-b', 'main', bare])
  await run('git', ['clone', '-q', bare, work])
  return {
    url: bare,
    async write(files, message, author = 'Ana Ruiz <ana@example.com>') {
      for (const [path, text] of Object.entries(files)) {
        mkdirSync(dirname(join(work, path)), { recursive: true })
        writeFileSync(join(work, path), text)
      }
      await git('add', '-A')
      await git('commit', '-q', '-m', message, '--author', author)
      await git('push', '-q', 'origin', 'HEAD:main')
    },
  }
}

/** until asks every 100 ms until f gives something true. */
export async function until(what, f, seconds = 60) {
  const end = Date.now() + seconds * 1000
  let last
  for (;;) {
    try {
      const value = await f()
      if (value) return value
      last = undefined
    } catch (e) {
      last = e
    }
    if (Date.now() > end) throw new Error(`${what}: not within ${seconds} s${last ? ': ' + last.message : ''}`)
    await new Promise((r) => setTimeout(r, 100))
  }
}

// Many Apps, suspended so that the engine does nothing for them: what the console's speed is measured with.
import { join } from 'node:path'
import { existsSync, mkdirSync } from 'node:fs'
import { repository, until } from './plumb.mjs'

const words = ['payments', 'checkout', 'catalog', 'search', 'ingress', 'cart', 'identity', 'mailer', 'ledger', 'reports']
const environments = ['dev', 'staging', 'prod']
export const SPACE = 'many'

const nameOf = (i) => `${words[i % words.length]}-${String(Math.floor(i / words.length)).padStart(4, '0')}`

/** many makes n Apps, unless they are there, and waits until the API knows them. */
export async function many(plumb, n) {
  const has = async () => (await plumb.read(`apps?limit=1&filter=namespace:${SPACE}`)).total ?? 0
  if ((await has()) >= n) return
  const dir = join(plumb.dir, 'git')
  if (!existsSync(join(dir, 'many'))) {
    mkdirSync(dir, { recursive: true })
    const repo = await repository(dir, 'many')
    await repo.write({ 'app/config.yaml': 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: one}\n' }, 'many: first version')
    await plumb.kube.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: SPACE } }, 'namespaces')
    await plumb.kube.apply({ apiVersion: 'plumb.cd/v1alpha1', kind: 'Repository', metadata: { name: 'many', namespace: SPACE }, spec: { url: repo.url, interval: '1h' } }, 'repositories')
  }
  let next = 0
  const worker = async () => {
    while (next < n) {
      const i = next++
      await plumb.kube.send('POST', `/apis/plumb.cd/v1alpha1/namespaces/${SPACE}/apps`, JSON.stringify(app(i)))
    }
  }
  await Promise.all(Array.from({ length: 24 }, worker))
  await until(`${n} Apps in the API`, async () => (await has()) >= n, 300)
}

function app(i) {
  const environment = environments[i % 3]
  return {
    apiVersion: 'plumb.cd/v1alpha1',
    kind: 'App',
    metadata: { name: nameOf(i), namespace: SPACE, labels: { 'plumb.cd/environment': environment, team: words[(i * 7) % 10] } },
    spec: { suspend: true, source: { repository: 'many', ref: { branch: 'main' }, path: 'app' }, destination: { namespace: `t-${i % 50}` } },
  }
}

/** stir changes rate labels a second until it is stopped. */
export function stir(plumb, n, rate) {
  let i = 0
  const timer = setInterval(() => {
    i++
    plumb.kube.merge(`/apis/plumb.cd/v1alpha1/namespaces/${SPACE}/apps/${nameOf((i * 37) % n)}`, { metadata: { labels: { stirred: String(i) } } }).catch(() => {})
  }, 1000 / rate)
  return () => clearInterval(timer)
}

/** watch is put into a page before it loads: it notes when the first rows stand there, and every long task. */
export function watch() {
  const notes = (window.notes = { firstRows: 0, tasks: [] })
  new PerformanceObserver((l) => l.getEntries().forEach((e) => notes.tasks.push({ at: e.startTime, ms: e.duration }))).observe({ type: 'longtask', buffered: true })
  const look = () => {
    if (document.querySelectorAll('[role=table] [role=row] a').length > 5) return requestAnimationFrame(() => (notes.firstRows = performance.now()))
    requestAnimationFrame(look)
  }
  look()
}

/** open measures a cold opening of the Apps, in ms, kB and MB. */
export async function open(page, base, path = '/apps') {
  const client = await page.context().newCDPSession(page)
  await client.send('Network.enable')
  await client.send('Network.setCacheDisabled', { cacheDisabled: true })
  const bytes = { all: 0, api: 0 }
  const urls = new Map()
  const ours = (r) => r.url.startsWith(base)
  client.on('Network.responseReceived', (e) => ours(e.response) && urls.set(e.requestId, e.response.url))
  client.on('Network.loadingFinished', (e) => {
    const url = urls.get(e.requestId)
    if (!url) return
    bytes.all += e.encodedDataLength
    if (url.includes('/api/')) bytes.api += e.encodedDataLength
  })
  await page.addInitScript(watch)
  await page.goto(base + path)
  await page.waitForFunction(() => window.notes?.firstRows > 0, null, { timeout: 60_000 })
  await page.waitForTimeout(1500)
  const notes = await page.evaluate(() => window.notes)
  const heap = (await client.send('Runtime.getHeapUsage')).usedSize
  return {
    firstRows: Math.round(notes.firstRows),
    blocking: Math.round(notes.tasks.reduce((n, t) => n + Math.max(0, t.ms - 50), 0)),
    longest: Math.round(Math.max(0, ...notes.tasks.map((t) => t.ms))),
    transferKB: Math.round(bytes.all / 1000),
    apiKB: Math.round(bytes.api / 100) / 10,
    heapMB: Math.round(heap / 1e5) / 10,
  }
}

/** keystrokes types a filter, and measures from the first key until exactly its rows stand there. */
export async function keystrokes(page, text, rows) {
  const field = page.getByLabel('Filter the Apps')
  await field.fill('')
  await page.waitForTimeout(800)
  await field.focus()
  await page.evaluate(
    ({ text, rows }) => {
      window.typed = 0
      let from = 0
      addEventListener('keydown', () => (from ||= performance.now()), { capture: true })
      const look = () => {
        const table = document.querySelector('[role=table]')
        const done = from > 0 && table?.getAttribute('aria-busy') === 'false' && Number(table.getAttribute('aria-rowcount')) === rows + 1 && table.querySelector('[role=row] a')?.textContent.includes(text)
        if (done) window.typed = performance.now() - from
        else requestAnimationFrame(look)
      }
      look()
    },
    { text, rows },
  )
  await page.keyboard.type(text)
  await page.waitForFunction(() => window.typed > 0, null, { timeout: 30_000 })
  return Math.round(await page.evaluate(() => window.typed))
}

/** typing is keystrokes with what they cost: calls of the API, and ms of script on the page's main thread. */
export async function typing(page, text, rows) {
  const client = await page.context().newCDPSession(page)
  await client.send('Performance.enable')
  const script = async () => (await client.send('Performance.getMetrics')).metrics.find((m) => m.name === 'ScriptDuration').value
  let calls = 0
  const count = (r) => (calls += /\/api\/v1\/apps/.test(r.url()) ? 1 : 0)
  page.on('request', count)
  const before = await script()
  const typed = await keystrokes(page, text, rows)
  const typedScript = Math.round((await script()) * 1000 - before * 1000)
  page.off('request', count)
  await client.detach()
  return { typed, typedScript, typedCalls: calls }
}

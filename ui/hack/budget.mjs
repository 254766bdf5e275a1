// The sizes of the built console, gzipped: what the browser loads before the first rows of the Apps, its styles, its fonts.
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'

const dist = join(dirname(fileURLToPath(import.meta.url)), '..', 'dist')

// The entry, and the chunk of the route with everything that it imports before it can be drawn.
function loads(pattern) {
  const assets = join(dist, 'assets')
  const all = readdirSync(assets)
  const html = readFileSync(join(dist, 'index.html'), 'utf8')
  const queue = [...html.matchAll(/assets\/([\w.-]+\.js)/g)].map((m) => m[1])
  const route = all.find((f) => pattern.test(f))
  if (!route) throw new Error('no chunk for ' + pattern)
  queue.push(route)
  const seen = new Set()
  while (queue.length > 0) {
    const name = queue.pop()
    if (seen.has(name)) continue
    seen.add(name)
    const code = readFileSync(join(assets, name), 'utf8')
    for (const m of code.matchAll(/(?:from|import)\s*["'`]\.\/([\w.-]+\.js)["'`]/g)) queue.push(m[1])
  }
  seen.add('../theme.js')
  return [...seen].map((n) => join(assets, n))
}

// The styles that the page links, and those that its entry fetches together with the chunk of a route.
function styles(route) {
  const assets = join(dist, 'assets')
  const html = readFileSync(join(dist, 'index.html'), 'utf8')
  const names = new Set([...html.matchAll(/assets\/([\w.-]+\.css)/g)].map((m) => m[1]))
  const entry = /src="[^"]*assets\/(index-[\w-]+\.js)"/.exec(html)[1]
  const code = readFileSync(join(assets, entry), 'utf8')
  const all = JSON.parse(/m\.f=(\[[^\]]*\])/.exec(code)[1])
  const deps = new RegExp(`import\\(.\\./${route}-[\\w-]+\\.js.\\)[^_]*__vite__mapDeps\\(\\[([\\d,]+)\\]`).exec(code)
  if (!deps) throw new Error('no styles of ' + route)
  for (const i of deps[1].split(',')) if (all[i].endsWith('.css')) names.add(all[i].replace('./', ''))
  return [...names].map((n) => join(assets, n))
}

const gzip = (paths) => paths.reduce((n, p) => n + gzipSync(readFileSync(p), { level: 9 }).length, 0) / 1024
const files = (pattern) => readdirSync(join(dist, 'assets')).filter((f) => pattern.test(f)).map((f) => join(dist, 'assets', f))

/** measure gives each size with its target and whether it holds; a size fails a tenth above its target. */
export function measure() {
  if (!existsSync(join(dist, 'index.html'))) throw new Error('the console is not built: npm run build')
  const sizes = [
    { name: 'JS before the first rows of the Apps', kib: gzip(loads(/^Apps-[\w-]+\.js$/)), target: 200, fails: 220 },
    { name: 'JS before the overview', kib: gzip(loads(/^Overview-[\w-]+\.js$/)), target: 200, fails: 220 },
    { name: 'JS before an App\'s page', kib: gzip(loads(/^AppPage-[\w-]+\.js$/)), target: 200, fails: 220 },
    { name: 'CSS before the first rows of the Apps', kib: gzip(styles('Apps')), target: 20, fails: 25 },
    { name: 'CSS before an App\'s page', kib: gzip(styles('AppPage')), target: 20, fails: 25 },
    { name: 'fonts', kib: files(/\.woff2$/).reduce((n, p) => n + readFileSync(p).length, 0) / 1024, target: 50, fails: 60 },
  ]
  return sizes.map((s) => ({ ...s, ok: s.kib <= s.fails }))
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const sizes = measure()
  for (const s of sizes) console.log(`${s.ok ? 'ok  ' : 'FAIL'} ${s.name}: ${s.kib.toFixed(1)} KiB of ${s.target} KiB`)
  process.exitCode = sizes.every((s) => s.ok) ? 0 : 1
}

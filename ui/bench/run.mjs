// node bench/run.mjs [apps]: measures the console with so many Apps (10,000) on a real Plumb, and writes bench/results/console.json
// beside the other results of make bench. Times are the median of three.
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { launch, visitor } from '../e2e/browser.mjs'
import { keystrokes, many, open, stir, typing } from '../e2e/many.mjs'
import { start } from '../e2e/plumb.mjs'

const n = Number(process.argv[2] ?? 10_000)
const out = join(dirname(fileURLToPath(import.meta.url)), '..', '..', 'bench', 'results')
const median = (all) => [...all].sort((a, b) => a - b)[Math.floor(all.length / 2)]

/** once is one browser that has never been here. */
async function once(browser, plumb, path, throttle) {
  const { context } = await visitor(browser, plumb, plumb.api, { viewport: { width: 1440, height: 900 } })
  const page = await context.newPage()
  await page.goto(plumb.api + '/later/stacks') // the throttle is of a process, which a first page begins
  if (throttle > 1) await (await context.newCDPSession(page)).send('Emulation.setCPUThrottlingRate', { rate: throttle })
  const m = await open(page, plumb.api, path)
  if (path === '/apps') Object.assign(m, await typing(page, 's-0042', 3))
  await context.close()
  return m
}

async function thrice(browser, plumb, path, throttle = 1) {
  const runs = []
  for (let i = 0; i < 3; i++) runs.push(await once(browser, plumb, path, throttle))
  return Object.fromEntries(Object.keys(runs[0]).map((k) => [k, median(runs.map((r) => r[k]))]))
}

/** heap is what the page holds after 50 updates a second for so many seconds. */
async function stirred(browser, plumb, seconds) {
  const { context } = await visitor(browser, plumb, plumb.api)
  const page = await context.newPage()
  await open(page, plumb.api)
  const stop = stir(plumb, n, 50)
  await page.waitForTimeout(seconds * 1000)
  const typed = await keystrokes(page, 's-0043', 3)
  stop()
  const client = await context.newCDPSession(page)
  await client.send('HeapProfiler.collectGarbage')
  const heapMB = Math.round((await client.send('Runtime.getHeapUsage')).usedSize / 1e5) / 10
  const notes = await page.evaluate(() => window.notes.tasks)
  await context.close()
  return { typed, heapMB, longest: Math.round(Math.max(0, ...notes.slice(3).map((t) => t.ms))) }
}

const plumb = await start()
const browser = await launch()
try {
  const began = Date.now()
  await many(plumb, n)
  console.log(`${n} Apps after ${Math.round((Date.now() - began) / 1000)} s`)
  const results = { apps: n, list: await thrice(browser, plumb, '/apps'), listThrottled4x: await thrice(browser, plumb, '/apps', 4), stirred: await stirred(browser, plumb, 30) }
  console.log(JSON.stringify(results, null, 2))
  mkdirSync(out, { recursive: true })
  writeFileSync(join(out, 'console.json'), JSON.stringify(results, null, 2) + '\n')
} finally {
  await browser.close()
  await plumb.stop()
}

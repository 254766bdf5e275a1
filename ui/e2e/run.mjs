// npm run e2e ['words|other words']: the journeys of *.journey.mjs whose names hold them, against a real Plumb. Prints "N passed, N failed".
import { readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { launch, visitor } from './browser.mjs'
import { fill } from './fleet.mjs'
import { start } from './plumb.mjs'
import { proxy } from './proxy.mjs'

const here = dirname(fileURLToPath(import.meta.url))
const words = process.argv.slice(2).join(' ').toLowerCase().split('|')
const WITHIN = 180_000

async function journeys() {
  const all = []
  for (const file of readdirSync(here).filter((f) => f.endsWith('.journey.mjs')).sort()) all.push(...(await import(join(here, file))).journeys)
  return all.filter(([name]) => words.some((w) => name.toLowerCase().includes(w)))
}

/** play runs one journey with a proxy, a browser context and a page of its own. */
async function play(browser, plumb, fleet, [name, journey]) {
  const began = Date.now()
  const door = await proxy(plumb.api)
  const { context, complaints } = await visitor(browser, plumb, door.url)
  const page = await context.newPage()
  page.setDefaultTimeout(15_000)
  let timer
  try {
    const late = new Promise((_, fail) => (timer = setTimeout(() => fail(new Error('not within three minutes')), WITHIN)))
    await Promise.race([journey({ browser, context, page, plumb, fleet, base: door.url, proxy: door }), late])
    if (complaints.length > 0) throw new Error('the console complained: ' + complaints.join('\n'))
    console.log(`ok   ${name} (${((Date.now() - began) / 1000).toFixed(1)} s)`)
    return true
  } catch (e) {
    console.log(`FAIL ${name}\n     ${String(e.message ?? e).replaceAll('\n', '\n     ')}`)
    const last = door.state.calls.slice(-5).map((c) => `${c.method} ${c.path} ${((Date.now() - c.at) / 1000).toFixed(1)} s ago`)
    console.log(`     ${door.state.streams} streams, last requests: ${last.join(', ')}`)
    await pictures(browser, name)
    return false
  } finally {
    clearTimeout(timer)
    await context.close().catch(() => {})
    door.close()
  }
}

/** pictures are of every page that is open when a journey fails, into the directory E2E_SHOTS. */
async function pictures(browser, name) {
  if (!process.env.E2E_SHOTS) return
  const pages = browser.contexts().flatMap((c) => c.pages())
  for (const [i, page] of pages.entries()) {
    console.log(`     page ${i}: ${page.url()}`)
    await page.screenshot({ path: join(process.env.E2E_SHOTS, `${name.replaceAll(/\W+/g, '-')}-${i}.png`), timeout: 5_000 }).catch((e) => console.log(`     no picture: ${e.message}`))
  }
}

let passed = 0
let failed = 0
const plumb = await start()
const browser = await launch()
const stop = async () => {
  await browser.close()
  await plumb.stop()
}
process.once('SIGINT', () => void stop().then(() => process.exit(130)))
process.once('SIGTERM', () => void stop().then(() => process.exit(143)))
try {
  const fleet = await fill(plumb)
  const all = await journeys()
  // Those that mostly wait run beside the others.
  const waiting = all.filter(([, , o]) => o?.own).map((j) => play(browser, plumb, fleet, j))
  const results = []
  for (const j of all.filter(([, , o]) => !o?.own)) results.push(await play(browser, plumb, fleet, j))
  results.push(...(await Promise.all(waiting)))
  passed += results.filter(Boolean).length
  failed += results.filter((ok) => !ok).length
} catch (e) {
  console.log('FAIL the fleet: ' + (e.stack ?? e))
  failed++
} finally {
  await stop()
}
console.log(`${passed} passed, ${failed} failed`)
process.exitCode = failed > 0 || passed === 0 ? 1 : 0

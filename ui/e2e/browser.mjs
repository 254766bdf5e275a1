import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { chromium } from 'playwright-core'

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

/** launch starts the system's Chromium. */
export async function launch() {
  const executablePath = [process.env.CHROMIUM, '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find((p) => p && existsSync(p))
  if (!executablePath) throw new Error('no Chromium: install it (hack/install-deps test), or name it in CHROMIUM')
  return chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-dev-shm-usage'] })
}

/** visitor is a browser of somebody who is signed in at base; its pages report what the console complains about. */
export async function visitor(browser, plumb, base, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options })
  const complaints = []
  context.on('weberror', (e) => complaints.push(String(e.error())))
  context.on('console', (m) => {
    if (/Content Security Policy|Refused to|Minified React error|unique "key"/.test(m.text())) complaints.push(m.text())
  })
  if (options.signedOut) return { context, complaints }
  const address = new URL(await plumb.signInAddress())
  const page = await context.newPage()
  await page.goto(new URL(address.pathname + address.search, base).toString())
  await page.close()
  return { context, complaints }
}

/** violations are what axe finds against WCAG 2.2 AA, one line each. */
export async function violations(page) {
  await page.evaluate(() => document.fonts.ready)
  // The console's policy lets no script be added, so axe is evaluated.
  if (!(await page.evaluate(() => 'axe' in window))) await page.evaluate(axe)
  const found = await page.evaluate(() => window.axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'], resultTypes: ['violations'] }))
  return found.violations.flatMap((v) => v.nodes.map((n) => `${v.id} (${v.impact}): ${n.target.join(' ')} ${n.any[0]?.message ?? n.all[0]?.message ?? n.none[0]?.message ?? v.help}`))
}

/** sideways is by how many px the page is wider than the window. */
export const sideways = (page) => page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)

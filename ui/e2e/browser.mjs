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

let signedIn // The cookies of one sign-in, for all visitors: the server lets nobody sign in twice a second for long.

/** visitor is a browser of somebody who is signed in at base; its pages report what the console complains about. */
export async function visitor(browser, plumb, base, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options })
  const complaints = []
  context.on('weberror', (e) => complaints.push(String(e.error())))
  context.on('console', (m) => {
    if (/Content Security Policy|Refused to|Minified React error|unique "key"/.test(m.text())) complaints.push(m.text())
  })
  if (options.signedOut) return { context, complaints }
  signedIn ??= signIn(browser, plumb)
  // Without TLS the server keeps several Plumbs apart by the port in the cookie's name.
  const { hostname, port } = new URL(base)
  await context.addCookies((await signedIn).map((c) => ({ ...c, domain: hostname, name: c.name.replace(/\d+$/, port) })))
  return { context, complaints }
}

/** signIn opens the link of plumb ui, and gives the cookies. */
async function signIn(browser, plumb) {
  const context = await browser.newContext()
  const page = await context.newPage()
  const answer = await page.goto(await plumb.signInAddress())
  if (!answer.ok()) throw new Error(`the sign-in link was answered with ${answer.status()}: ${await answer.text()}`)
  const cookies = await context.cookies()
  await context.close()
  return cookies
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

import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { sideways, violations, visitor } from './browser.mjs'
import { HOSTILE } from './fleet.mjs'
import { until } from './plumb.mjs'
import { proxy } from './proxy.mjs'

/** drop is the button of a drop-down. */
const drop = (page, name) => page.locator('button[aria-expanded]', { hasText: name })

/** Every route, and what says that it has been drawn. */
export const ROUTES = [
  ['/', 'text=Last 24 hours'],
  ['/apps', 'role=row >> nth=3'],
  ['/apps?view=matrix', 'role=rowheader >> nth=0'],
  ['/apps?columns=state,name,label:team,drift,objects,health&sort=name', 'role=row >> nth=3'],
  ['/apps?namespace=shop&cluster=in-*', 'role=row >> nth=0'],
  ['/?namespace=shop', 'text=Last 24 hours'],
  ['/apps?view=grid', 'main li a >> nth=2'],
  ['/apps?filter=state:failed,drifted', 'role=row >> nth=0'],
  ['/apps?filter=cluster:nowhere', 'text=No App matches'],
  ['/plan?apps=shop/ledger-prod', 'main >> text=to create'],
  ['/changes', 'role=listitem >> nth=0'],
  ['/changes?kind=drift,healed,fight', 'role=listitem >> nth=0'],
  ['/clusters', 'text=in contact'],
  ['/repositories', 'text=Test now'],
  ['/measures', 'text=Deployment frequency'],
  ['/measures?as=table', 'role=table'],
  ['/settings', 'text=Theme'],
  ['/settings?part=channels', 'text=Nobody is told'],
  ['/settings?part=me', 'text=Signed in as'],
  ['/settings?part=about', 'text=Version'],
  ['/search?q=web', 'main li a >> nth=0'],
  ['/later/promotion', 'main >> text=not there yet'],
  ['/nowhere', 'text=Nothing here'],
]

export const journeys = [
  ['the overview says what is wrong, and leads there', async ({ page, base }) => {
    await page.goto(base + '/')
    await page.waitForSelector('text=Last 24 hours')
    assert.match(await page.textContent('h1'), /^\d+ Apps? failed/)
    assert.equal(await page.title(), 'Overview – Plumb')
    await page.getByRole('list', { name: 'Apps by state' }).getByRole('link', { name: 'Failed' }).click()
    await page.waitForURL(/filter=state:failed/)
    await page.getByRole('link', { name: 'checkout-prod' }).waitFor()
    await page.goBack()
    await page.waitForSelector('text=Last 24 hours')
  }],

  ['a filter becomes chips, stands in the address, and survives a reload', async ({ page, base }) => {
    await page.goto(base + '/apps')
    await page.getByRole('link', { name: 'web-prod' }).waitFor()
    await page.keyboard.press('/')
    await page.keyboard.type('env:prod web')
    await until('the chip', async () => (await page.getByRole('button', { name: 'Remove env:prod' }).count()) === 1)
    await until('one row', async () => (await page.getByRole('row').count()) === 2)
    await page.waitForURL((url) => /filter=env:prod\+web/.test(decodeURIComponent(url.search)))
    await page.reload()
    await page.getByRole('link', { name: 'web-prod' }).waitFor()
    assert.equal(await page.getByLabel('Filter the Apps').inputValue(), 'web')
    await page.getByRole('button', { name: 'Remove env:prod' }).click()
    await until('three rows', async () => (await page.getByRole('row').count()) === 4)
  }],

  ['a scope holds for every page, stands in the address, and goes when it is taken away', async ({ page, base }) => {
    await page.goto(base + '/apps')
    await page.getByRole('link', { name: 'web-prod' }).waitFor()
    await drop(page, 'Scope').click()
    await page.getByRole('textbox', { name: 'Another namespace' }).fill('sh*')
    await page.keyboard.press('Enter')
    await page.waitForURL(/namespace=sh(%2A|\*)/)
    await page.keyboard.press('Escape')
    await page.getByRole('link', { name: 'web-prod' }).waitFor()
    const at = () => new URL(page.url()).searchParams.get('namespace')
    for (const [key, ready] of [['o', 'text=Last 24 hours'], ['t', 'role=listitem >> nth=0'], ['m', 'text=Deployment frequency'], ['r', 'text=Test now'], ['c', 'text=in contact'], ['a', 'role=row >> nth=3']]) {
      await page.keyboard.press('g')
      await page.keyboard.press(key)
      await page.waitForSelector(ready)
      assert.equal(at(), 'sh*', `after g ${key}`)
    }
    await page.goto(base + '/apps?namespace=nowhere')
    await page.getByText('The scope in the bar is nowhere').waitFor()
    await page.getByRole('button', { name: 'Look at every namespace' }).click()
    await page.getByRole('link', { name: 'web-prod' }).waitFor()
    await until('the scope is gone', () => at() === null)
    await page.goto(base + '/repositories?namespace=nowhere')
    await page.getByText('No repository in this scope').waitFor()
  }],

  ['the Apps of a list are walked one by one, and the way back is to the list as it was', async ({ page, base }) => {
    await page.goto(base + '/apps?filter=env:prod&sort=name')
    await page.getByRole('link', { name: 'catalog-prod' }).click()
    await page.getByText('1 of 6', { exact: true }).waitFor()
    await page.goto(page.url().replace(/\?.*/, '') + '?tab=timeline') // a page that is loaded anew came from no list
    await page.getByText('In 30 days').waitFor()
    assert.equal(await page.getByText('1 of 6', { exact: true }).count(), 0)
    await page.goto(base + '/apps?filter=env:prod&sort=name')
    await page.getByRole('link', { name: 'catalog-prod' }).click()
    await page.getByText('1 of 6', { exact: true }).waitFor()
    await page.keyboard.press('4')
    await page.waitForURL(/tab=timeline/)
    await page.keyboard.press(']')
    await page.waitForURL(/checkout-prod\?tab=timeline/)
    await page.getByText('2 of 6', { exact: true }).waitFor()
    await page.keyboard.press('[')
    await page.waitForURL(/catalog-prod\?tab=timeline/)
    await page.getByText('1 of 6', { exact: true }).waitFor()
    await page.getByRole('navigation', { name: 'Place' }).getByRole('link', { name: 'Apps' }).click()
    await page.waitForURL((url) => url.searchParams.get('filter') === 'env:prod' && url.searchParams.get('sort') === 'name')
  }],

  ['every drop-down opens, is walked, closes and gives the focus back by keyboard', async ({ page, base }) => {
    await page.goto(base + '/apps')
    await page.getByRole('link', { name: 'web-prod' }).waitFor()
    for (const name of ['Scope', 'Columns', 'Views', 'Environment']) {
      const button = drop(page, name)
      await button.focus()
      await page.keyboard.press('ArrowDown')
      await until(`${name} is open, with the focus in it`, () => page.evaluate(() => document.activeElement?.closest('[role=group]') !== null && document.querySelector('button[aria-expanded=true]') !== null))
      await page.keyboard.press('ArrowDown')
      await page.keyboard.press('Escape')
      assert.equal(await button.getAttribute('aria-expanded'), 'false', name)
      assert.ok(await button.evaluate((b) => b === document.activeElement), `the focus is back on ${name}`)
    }
    await drop(page, 'Views').click()
    await drop(page, 'Columns').click()
    assert.deepEqual([await drop(page, 'Views').getAttribute('aria-expanded'), await drop(page, 'Columns').getAttribute('aria-expanded')], ['false', 'true'])
  }],

  ['who wants more contrast gets it in both themes', async ({ browser, plumb, base }) => {
    for (const colorScheme of ['light', 'dark']) {
      const { context } = await visitor(browser, plumb, base, { colorScheme, contrast: 'more' })
      const page = await context.newPage()
      await page.goto(base + '/later/stacks')
      await page.getByText('Stacks: not there yet').waitFor()
      const [text, ...others] = await page.evaluate(() => ['--text', '--muted', '--line'].map((name) => getComputedStyle(document.documentElement).getPropertyValue(name)))
      assert.deepEqual(others, [text, text], colorScheme)
      await context.close()
    }
  }],

  ['columns are chosen, stand in the address in their order, and order the list', async ({ page, base }) => {
    await page.goto(base + '/apps')
    await page.getByRole('link', { name: 'web-prod' }).waitFor()
    const heads = async () => (await page.getByRole('columnheader').allTextContents()).slice(1)
    await drop(page, 'Columns').click()
    const panel = page.getByRole('group', { name: 'Columns' })
    for (const name of ['What', 'Commit', 'Version']) await panel.getByRole('checkbox', { name, exact: true }).uncheck()
    await panel.getByRole('checkbox', { name: 'Drift', exact: true }).check()
    await panel.getByRole('checkbox', { name: /^team/ }).check()
    await panel.getByRole('button', { name: 'team: further left' }).click()
    await page.waitForURL((url) => url.searchParams.get('columns') === 'state,name,cluster,deployed,label:team,drift')
    await until('the heads', async () => (await heads()).join() === 'State,App,Cluster,Deployed,team,Drift')
    await page.keyboard.press('Escape')
    await page.getByRole('row', { name: /catalog-prod/ }).getByText('1 object').waitFor()
    await page.reload()
    await page.getByRole('row', { name: /ledger-prod/ }).getByText('payments').waitFor()
    await page.getByRole('button', { name: 'App', exact: true }).click()
    await page.waitForURL(/sort=name/)
    await page.getByRole('button', { name: 'App', exact: true }).click()
    await page.waitForURL(/sort=-name/)
    await until('web first', async () => /^web-/.test(await page.getByRole('row').nth(1).getByRole('link').textContent()))
  }],

  ['a view is saved on the server, found by another browser, renamed and deleted', async ({ page, base, browser, plumb }) => {
    const saved = 'filter=env:prod&columns=state,name,drift&sort=name'
    await page.goto(base + '/apps?' + saved)
    await page.getByRole('link', { name: 'web-prod' }).waitFor()
    const menu = (p) => drop(p, 'Views')
    await menu(page).click()
    await page.getByRole('textbox', { name: 'Name of the view' }).fill('Prod drift <b>')
    await page.keyboard.press('Enter')
    await page.getByRole('button', { name: /^Prod drift <b>/ }).waitFor()

    const { context } = await visitor(browser, plumb, base)
    const other = await context.newPage()
    await other.goto(base + '/changes?namespace=shop')
    await other.waitForSelector('role=listitem >> nth=0')
    await other.keyboard.press('Control+k')
    await other.getByRole('combobox').fill('prod dri')
    await other.getByRole('option', { name: /Prod drift <b>/ }).click()
    await other.waitForURL((url) => url.pathname === '/apps' && url.searchParams.get('columns') === 'state,name,drift' && !url.searchParams.has('namespace'))
    await other.getByRole('row').getByRole('link', { name: 'web-prod' }).waitFor()
    await menu(other).click()
    await other.getByRole('button', { name: 'Rename Prod drift <b>' }).click()
    await other.getByRole('textbox', { name: 'Name of the view' }).first().fill('Prod')
    await other.getByRole('button', { name: 'Rename', exact: true }).click()
    await other.getByRole('button', { name: 'Delete Prod', exact: true }).click()
    await other.getByText('None yet').waitFor()
    await until('nothing is kept', async () => (await plumb.read('views')).items.length === 0)
    await context.close()
  }],

  ['what changes between the first list and the stream is not lost', async ({ page, base, plumb, proxy }) => {
    let change = async () => {
      await plumb.kube.merge('/apis/plumb.cd/v1alpha1/namespaces/shop/apps/web-dev', { spec: { suspend: true } })
      await until('the API knows', async () => (await plumb.read('apps?filter=name:web-dev')).items[0].state === 'Paused')
    }
    proxy.state.before = async (path) => {
      if (path !== '/api/v1/stream' || !change) return
      const once = change
      change = undefined
      await once()
    }
    await page.goto(base + '/apps?filter=name:web-dev')
    await page.getByRole('row', { name: /web-dev/ }).getByText('Paused').waitFor({ timeout: 10_000 })
    assert.equal(change, undefined)
    await plumb.kube.merge('/apis/plumb.cd/v1alpha1/namespaces/shop/apps/web-dev', { spec: { suspend: null } })
    await page.getByRole('row', { name: /web-dev/ }).getByText('Synced').waitFor({ timeout: 20_000 })
    assert.match(proxy.state.calls.filter((c) => c.path === '/api/v1/stream')[0].query, /since=.+-\d+/)
  }],

  ['an empty answer says which term does it', async ({ page, base }) => {
    await page.goto(base + '/apps?filter=web+cluster:nowhere')
    await page.getByRole('button', { name: 'Remove cluster:nowhere' }).last().click()
    await page.getByRole('link', { name: 'web-prod' }).waitFor()
  }],

  ['a filter that cannot be read says where it is wrong', async ({ page, base }) => {
    await page.goto(base + '/apps?filter=colour:red')
    await page.getByRole('alert').waitFor()
    assert.match(await page.getByRole('alert').textContent(), /colour/)
  }],

  ['facets count, and choose', async ({ page, base }) => {
    await page.goto(base + '/apps')
    await drop(page, 'Environment').click()
    await page.getByRole('group', { name: 'Facets' }).getByRole('checkbox', { name: /staging/ }).check()
    await until('six rows', async () => (await page.getByRole('row').count()) === 7)
    await page.keyboard.press('Escape')
    await page.getByRole('button', { name: /Paused/ }).click()
    await until('one row', async () => (await page.getByRole('row').count()) === 2)
    await page.waitForURL((url) => /environment:staging\+state:paused/.test(decodeURIComponent(url.search)))
  }],

  ['rows are walked, selected and planned by keyboard', async ({ page, base }) => {
    await page.goto(base + '/apps?sort=name')
    await page.getByRole('link', { name: 'catalog-dev' }).waitFor()
    await page.keyboard.press('j')
    await until('the focus on the first', () => page.evaluate(() => document.activeElement?.textContent === 'catalog-dev'))
    await page.keyboard.press('x')
    await page.keyboard.press('Shift+J')
    await page.getByText('2 selected').waitFor()
    await page.keyboard.press('s')
    await page.waitForURL(/\/plan\?apps=shop/)
    await page.getByRole('heading', { level: 1, name: 'Plan for 2 Apps' }).waitFor()
  }],

  ['the palette finds an App and opens it', async ({ page, base }) => {
    await page.goto(base + '/')
    await page.waitForSelector('text=Last 24 hours')
    await page.keyboard.press('Control+k')
    await page.getByRole('combobox').fill('payments-api-pr')
    await page.getByRole('option', { name: /payments-api-prod/ }).first().waitFor()
    await page.keyboard.press('Enter')
    await page.waitForURL(/\/a\/shop\/payments-api-prod/)
    await page.getByRole('heading', { level: 1, name: /payments-api-prod/ }).waitFor()
  }],

  ['the palette goes to pages and gives the focus back', async ({ page, base }) => {
    await page.goto(base + '/apps')
    const find = page.getByRole('button', { name: /Search/ })
    await find.click()
    await page.getByRole('combobox').waitFor()
    await page.keyboard.press('Escape')
    await until('the focus is back', () => find.evaluate((b) => b === document.activeElement))
    await page.keyboard.press('g')
    await page.keyboard.press('c')
    await page.waitForURL(/\/clusters/)
  }],

  ['keys are listed on ?, and can be switched off', async ({ page, base }) => {
    await page.goto(base + '/settings')
    await page.getByText('Single-key').waitFor()
    await page.keyboard.press('?')
    await page.getByRole('dialog', { name: 'Keys and states' }).waitFor()
    await page.keyboard.press('Escape')
    await page.getByRole('checkbox', { name: /Single-key/ }).uncheck()
    await page.keyboard.press('?')
    await page.keyboard.press('g')
    await page.keyboard.press('a')
    assert.equal(await page.getByRole('dialog').count(), 0)
    assert.match(page.url(), /settings/)
    await page.getByRole('checkbox', { name: /Single-key/ }).check()
  }],

  ['what others wrote is shown and not run', async ({ page, base }) => {
    for (const path of ['/apps?filter=name:search-dev', '/', '/changes', '/a/shop/search-dev', '/a/shop/search-dev?tab=timeline', '/measures']) {
      await page.goto(base + path)
      await page.waitForSelector('h1')
      await until('the page', async () => (await page.locator('[role=status][aria-label^=Loading]').count()) === 0)
      assert.equal(await page.evaluate(() => window.pwned), undefined, path)
      assert.deepEqual(await page.$$eval('a', (all) => all.map((a) => a.getAttribute('href') ?? '').filter((h) => /^\s*(javascript|data|vbscript):/i.test(h))), [], path)
      assert.doesNotMatch(await page.evaluate(() => document.body.innerText), /\u202e/, path)
    }
    await page.goto(base + '/a/shop/search-dev')
    await page.getByText('<script>').first().waitFor()
    assert.match(HOSTILE, /script/)
  }],

  ['a change arrives by itself', async ({ page, base, plumb }) => {
    await page.goto(base + '/apps?filter=name:web-dev')
    await page.getByRole('row', { name: /web-dev/ }).getByText('Synced').waitFor()
    await page.getByText('live', { exact: true }).waitFor()
    await plumb.kube.merge('/apis/plumb.cd/v1alpha1/namespaces/shop/apps/web-dev', { spec: { suspend: true } })
    await page.getByRole('row', { name: /web-dev/ }).getByText('Paused').waitFor({ timeout: 10_000 })
    await plumb.kube.merge('/apis/plumb.cd/v1alpha1/namespaces/shop/apps/web-dev', { spec: { suspend: null } })
    await page.getByRole('row', { name: /web-dev/ }).getByText('Synced').waitFor({ timeout: 20_000 })
  }],

  ['a repository is asked, and answers with its own words', async ({ page, base, plumb }) => {
    await plumb.kube.apply({ apiVersion: 'plumb.cd/v1alpha1', kind: 'Repository', metadata: { name: 'gone', namespace: 'shop' }, spec: { url: plumb.dir + '/git/gone.git', interval: '1h' } }, 'repositories')
    await page.goto(base + '/repositories')
    const card = page.getByRole('listitem').filter({ has: page.getByRole('heading', { name: /^gone/ }) })
    await card.waitFor({ timeout: 30_000 })
    await card.getByRole('button', { name: /Test now/ }).click()
    await card.getByText('The test failed').waitFor({ timeout: 30_000 })
    await plumb.kube.send('DELETE', '/apis/plumb.cd/v1alpha1/namespaces/shop/repositories/gone')
  }],

  ['ten tabs share one stream', async ({ context, base, proxy }) => {
    const tabs = []
    for (let i = 0; i < 10; i++) {
      tabs.push(await context.newPage())
      await tabs[i].goto(base + '/apps')
    }
    for (const t of tabs) await t.getByText('live', { exact: true }).waitFor()
    assert.equal(proxy.state.streams, 1)
    for (const t of tabs) await t.close()
  }, { alone: true }],

  ['tabs without a SharedWorker share one stream too, and hand it on', async ({ browser, plumb, base, proxy }) => {
    const { context } = await visitor(browser, plumb, base)
    await context.addInitScript(() => delete window.SharedWorker)
    const tabs = []
    for (let i = 0; i < 3; i++) {
      tabs.push(await context.newPage())
      await tabs[i].goto(base + '/apps')
      await tabs[i].getByText('live', { exact: true }).waitFor()
    }
    assert.equal(proxy.state.streams, 1)
    await tabs[0].close()
    await until('another tab is connected', () => proxy.state.streams === 1)
    await sleep(1000)
    await tabs[1].getByText('live', { exact: true }).waitFor()
    await context.close()
  }, { alone: true }],

  ['below a path of another address everything is found', async ({ browser, plumb }) => {
    const door = await proxy(plumb.api, '/ops/plumb')
    const { context, complaints } = await visitor(browser, plumb, door.url)
    const page = await context.newPage()
    await page.goto(door.url + '/apps?filter=web')
    await page.getByRole('link', { name: 'web-prod' }).click()
    await page.waitForURL(/\/ops\/plumb\/a\/shop\/web-prod/)
    await page.getByText('live', { exact: true }).waitFor()
    await page.keyboard.press('g')
    await page.keyboard.press('m')
    await page.waitForURL(/\/ops\/plumb\/measures/)
    await page.keyboard.press('Control+k')
    await page.getByRole('combobox').fill('catalog-dev')
    // The App itself, once the server has answered; the first entry may still be the list of Apps that match.
    await page.getByRole('option').filter({ hasText: 'catalog-dev' }).filter({ hasText: 'shop' }).first().click()
    await page.waitForURL(/\/ops\/plumb\/a\/shop\/catalog-dev/)
    assert.deepEqual(door.state.calls.filter((c) => /ops/.test(c.path)), [])
    assert.deepEqual(complaints, [])
    await context.close()
    door.close()
  }, { alone: true }],

  ['a lost server is noticed, what is shown stays, and it comes back by itself', async ({ page, base, proxy }) => {
    await page.goto(base + '/apps')
    await page.getByText('live', { exact: true }).waitFor()
    proxy.state.mode = 'down'
    proxy.cut()
    await page.getByText('no contact').waitFor()
    await page.getByText(/What you see is as of/).waitFor({ timeout: 10_000 })
    assert.ok((await page.getByRole('row').count()) > 5)
    proxy.state.mode = 'pass'
    await page.getByRole('button', { name: 'Try now' }).click()
    await page.getByText('live', { exact: true }).waitFor()
  }, { alone: true }],

  ['a server that is down is asked at most twice a minute', async ({ page, context, base, proxy }) => {
    await page.goto(base + '/apps')
    const second = await context.newPage()
    await second.goto(base + '/')
    await page.getByText('live', { exact: true }).waitFor()
    proxy.state.mode = 'down'
    proxy.cut()
    await sleep(36_000) // the first tries come faster
    const from = Date.now()
    await sleep(60_000)
    const asked = proxy.state.calls.filter((c) => c.at >= from)
    proxy.state.mode = 'pass'
    assert.ok(asked.length <= 2, `${asked.length} requests in a minute: ${JSON.stringify(asked)}`)
  }, { alone: true, own: true }],

  ['a sign-in that ended leads to the sign-in, at the same address, and asks no more', async ({ page, base, proxy }) => {
    await page.goto(base + '/apps?view=grid')
    await page.getByText('live', { exact: true }).waitFor()
    proxy.state.mode = '401'
    proxy.cut()
    await page.getByRole('heading', { name: 'Plumb' }).waitFor({ timeout: 20_000 })
    await page.getByLabel('Kubernetes token').waitFor()
    assert.match(page.url(), /apps\?view=grid/)
    await sleep(500)
    const from = Date.now()
    await sleep(20_000)
    const asked = proxy.state.calls.filter((c) => c.at >= from)
    proxy.state.mode = 'pass'
    assert.ok(asked.length <= 1, `${asked.length} requests: ${JSON.stringify(asked)}`)
  }, { alone: true, own: true }],

  ['a reader without rights sees, and is told what is missing', async ({ browser, plumb, base }) => {
    const { kube } = plumb
    const meta = { name: 'reader', namespace: 'shop' }
    await kube.apply({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: meta }, 'serviceaccounts')
    await kube.apply({ apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'Role', metadata: meta, rules: [{ apiGroups: ['plumb.cd'], resources: ['apps'], verbs: ['get', 'list'] }] }, 'roles')
    await kube.apply({ apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'RoleBinding', metadata: meta, roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'reader' }, subjects: [{ kind: 'ServiceAccount', ...meta }] }, 'rolebindings')
    const token = (await kube.send('POST', '/api/v1/namespaces/shop/serviceaccounts/reader/token', JSON.stringify({ apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: {} }))).status.token
    const { context } = await visitor(browser, plumb, base, { signedOut: true })
    const page = await context.newPage()
    await page.goto(base + '/a/shop/web-prod')
    await page.getByLabel('Kubernetes token').fill('no such token')
    await page.getByRole('button', { name: /Sign in/ }).click()
    await page.getByRole('alert').waitFor()
    await page.getByLabel('Kubernetes token').fill(token)
    await page.getByRole('button', { name: /Sign in/ }).click()
    await page.getByRole('heading', { level: 1, name: /web-prod/ }).waitFor()
    await page.goto(base + '/settings?part=me')
    await page.getByRole('heading', { name: /system:serviceaccount:shop:reader/ }).waitFor()
    await page.getByLabel('What may I do with').fill('shop/web-prod')
    await page.getByRole('button', { name: 'Ask' }).click()
    await page.getByText('sync: no').waitFor()
    await page.getByText('read: yes').waitFor()
    await page.goto(base + '/apps')
    await page.getByRole('link', { name: 'web-prod' }).waitFor()
    await context.close()
  }],

  ...['light', 'dark'].map((theme) => [
    `axe finds nothing on any route, ${theme}`,
    async ({ browser, plumb, base }) => {
      const { context, complaints } = await visitor(browser, plumb, base, { colorScheme: theme, reducedMotion: 'reduce' })
      const page = await context.newPage()
      const bad = []
      for (const [path, ready] of ROUTES) {
        await page.goto(base + path)
        await page.waitForSelector(ready, { timeout: 15_000 }).catch(() => bad.push(`${path}: ${ready} did not come`))
        bad.push(...(await violations(page)).map((v) => `${path}: ${v}`))
      }
      await page.goto(base + '/apps')
      await page.getByRole('link', { name: 'web-prod' }).waitFor()
      await page.keyboard.press('Control+k')
      await page.getByRole('dialog').getByRole('option').first().waitFor()
      bad.push(...(await violations(page)).map((v) => `palette: ${v}`))
      await page.keyboard.press('Escape')
      for (const [name, what] of [['Scope', 'Namespaces'], ['Columns', 'Drift'], ['Views', 'For everybody']]) {
        await drop(page, name).click()
        await page.getByText(what, { exact: true }).first().waitFor()
        bad.push(...(await violations(page)).map((v) => `${name}: ${v}`))
        await page.keyboard.press('Escape')
      }
      await page.keyboard.press('?')
      await page.getByRole('dialog').waitFor()
      bad.push(...(await violations(page)).map((v) => `help: ${v}`))
      assert.deepEqual(bad, [])
      assert.deepEqual(complaints, [])
      await context.close()
    },
  ]),

  ['axe finds nothing on the sign-in', async ({ browser, plumb, base }) => {
    for (const colorScheme of ['light', 'dark']) {
      const { context } = await visitor(browser, plumb, base, { signedOut: true, colorScheme })
      const page = await context.newPage()
      await page.goto(base + '/')
      await page.getByLabel('Kubernetes token').waitFor()
      assert.deepEqual(await violations(page), [])
      await context.close()
    }
  }],

  ...[360, 320].map((width) => [
    `every route fits ${width} px`,
    async ({ browser, plumb, base }) => {
      const { context } = await visitor(browser, plumb, base, { viewport: { width, height: 720 }, hasTouch: true })
      const page = await context.newPage()
      const bad = []
      for (const [path, ready] of [...ROUTES, ['/a/shop/payments-api-prod', 'h1']]) {
        await page.goto(base + path)
        await page.waitForSelector(ready, { timeout: 15_000 }).catch(() => bad.push(`${path}: ${ready} did not come`))
        const over = await sideways(page)
        if (over > 0) bad.push(`${path}: ${over} px too wide`)
      }
      await page.goto(base + '/')
      await page.getByRole('button', { name: 'Menu' }).click()
      await page.getByRole('dialog').getByRole('link', { name: 'Clusters' }).click()
      await page.waitForURL(/clusters/)
      await until('the menu is closed', async () => (await page.getByRole('dialog').count()) === 0)
      assert.deepEqual(bad, [])
      await context.close()
    },
  ]),
]

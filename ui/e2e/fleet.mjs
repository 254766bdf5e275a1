// What the journeys look at: a shop in three environments, with one App of each state, and one with hostile words.
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { repository, until } from './plumb.mjs'

export const HOSTILE = '<script>window.pwned=1</script> "><img src=x onerror=window.pwned=1> safe\u202Efdp.exe [x](javascript:window.pwned=1)'

const components = ['web', 'checkout', 'payments-api', 'catalog', 'search', 'ledger']
const environments = ['dev', 'staging', 'prod']
const namespace = 'shop'

function manifests(component, environment, image, replicas) {
  return `apiVersion: apps/v1
kind: Deployment
metadata:
  name: ${component}
spec:
  replicas: ${replicas}
  selector:
    matchLabels: {app: ${component}}
  template:
    metadata:
      labels: {app: ${component}}
    spec:
      containers:
        - name: ${component}
          image: registry.example.com/${component}:${image}
---
apiVersion: v1
kind: Service
metadata:
  name: ${component}
spec:
  selector: {app: ${component}}
  ports: [{port: 80}]
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: ${component}-settings
data:
  environment: ${environment}
  greeting: hello
`
}

const app = (name, component, environment, more = {}) => ({
  apiVersion: 'plumb.cd/v1alpha1',
  kind: 'App',
  metadata: { name, namespace, labels: { 'plumb.cd/component': component, 'plumb.cd/environment': environment, team: component === 'payments-api' || component === 'ledger' ? 'payments' : 'shop' } },
  spec: {
    source: { repository: 'deploy', ref: { branch: 'main' }, path: `${component}/${environment}` },
    destination: { namespace: `${component}-${environment}` },
    ...more,
    sync: { createNamespace: true, ...more.sync },
  },
})

/** fill makes the fleet, and waits until each App is in the state that it is to show. */
export async function fill(plumb) {
  const dir = join(plumb.dir, 'git')
  mkdirSync(dir, { recursive: true })
  const deploy = await repository(dir, 'deploy')
  const files = {}
  for (const c of components) for (const e of environments) files[`${c}/${e}/app.yaml`] = manifests(c, e, '2.14.0', e === 'prod' ? 4 : 1)
  await deploy.write(files, 'shop: first version', 'Li Wei <li@example.com>')

  const { kube } = plumb
  await kube.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } }, 'namespaces')
  await kube.apply({ apiVersion: 'plumb.cd/v1alpha1', kind: 'Repository', metadata: { name: 'deploy', namespace }, spec: { url: deploy.url, interval: '5s' } }, 'repositories')
  for (const c of components)
    for (const e of environments) {
      const name = `${c}-${e}`
      const more = name === 'catalog-prod' ? { sync: { heal: false } } : name === 'ledger-prod' ? { sync: { mode: 'Approve' } } : name === 'search-staging' ? { suspend: true } : {}
      await kube.apply(app(name, c, e, more), 'apps')
    }
  await synced(plumb, (a) => !['ledger-prod', 'search-staging'].includes(a.name), 'the first version')

  // One commit each, so that each App has a commit of its own.
  await deploy.write({ 'web/prod/app.yaml': manifests('web', 'prod', '2.14.1', 4) }, 'web: bump to 2.14.1\n\nPAY-1204')
  await deploy.write({ 'payments-api/prod/app.yaml': manifests('payments-api', 'prod', '2.15.0-fail-pull', 4) }, 'payments-api: bump to 2.15.0', 'Fatou Diop <fatou@example.com>')
  await deploy.write({ 'checkout/prod/app.yaml': 'apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: checkout\nspec:\n  replicas: four\n   template: {}\n' }, 'checkout: more replicas for the sale', 'Tomasz Nowak <tomasz@example.com>')
  await deploy.write({ 'search/dev/app.yaml': manifests('search', 'dev', '2.14.2', 1).replace('hello', 'hi') }, HOSTILE, 'Eve \u202Enimda <eve@example.com>')
  for (const name of ['web-prod', 'payments-api-prod', 'checkout-prod', 'search-dev']) await plumb.command('refresh', '-n', namespace, name).catch(() => undefined)
  await until('a broken render', async () => (await states(plumb))['checkout-prod'] === 'Failed')
  await kube.merge('/apis/apps/v1/namespaces/catalog-prod/deployments/catalog?fieldManager=kubectl-edit', { spec: { replicas: 6 } })
  await until('drift', async () => (await states(plumb))['catalog-prod'] === 'Drifted')
  return { deploy, namespace, manifests }
}

/** rows are the Apps as the cluster says. */
async function states(plumb) {
  const list = await plumb.kube.get(`/apis/plumb.cd/v1alpha1/namespaces/${namespace}/apps`)
  return Object.fromEntries(list.items.map((a) => [a.metadata.name, a.status?.state]))
}

async function synced(plumb, which, what) {
  await until(what, async () => {
    const now = await states(plumb)
    return Object.entries(now).every(([name, state]) => !which({ name }) || state === 'Synced')
  }, 120)
}

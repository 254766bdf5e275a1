import { Link } from '@tanstack/react-router'
import { Command, EmptyState } from '../components'
import css from './FirstApp.module.css'

const resources = `kubectl apply -f - <<'END'
apiVersion: plumb.cd/v1alpha1
kind: Repository
metadata: {name: shop, namespace: default}
spec:
  url: https://git.example.com/shop/deploy.git
  interval: 30s
---
apiVersion: plumb.cd/v1alpha1
kind: App
metadata: {name: shop-dev, namespace: default}
spec:
  source:
    repository: shop
    ref: {branch: main}
    path: overlays/dev
  destination: {namespace: shop-dev}
  sync: {createNamespace: true}
END`

/** FirstApp teaches how to make the first App: what to write, what to look at first, what to do about what runs already. */
export function FirstApp() {
  return (
    <>
      <EmptyState title="No Apps yet">
        <p>An App is a path in a Git repository, and the place where it should run. Three steps make the first one; this page shows it as soon as it is there.</p>
      </EmptyState>
      <ol className={css.steps}>
        <li className="card">
          <h3>1. See what a directory would make</h3>
          <p className="muted">Renders it and tries every object on a throw-away control plane. It needs no cluster and changes nothing.</p>
          <Command text="plumb check overlays/dev" />
        </li>
        <li className="card">
          <h3>2. Add the repository and the App</h3>
          <p className="muted">Two resources; put your own address and path in. A private repository takes a Secret: see docs/sources.md.</p>
          <Command text={resources} />
        </li>
        <li className="card">
          <h3>3. Watch it become well</h3>
          <p className="muted">The same words as here: state, since when, why.</p>
          <Command text={'plumb wait shop-dev\nplumb tree shop-dev\nplumb why deploy/shop-dev/web'} />
        </li>
      </ol>
      <p className="muted">
        Apps that you may not read are not shown: <Link to="/settings" search={{ part: 'me' }}>what may I do?</Link>
      </p>
    </>
  )
}

import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { problemOf } from '../api/client'
import { clustersQuery } from '../api/queries'
import type { Cluster } from '../api/types'
import { Ago, Button, Command, EmptyState, Num, Problem, Skeleton, STATES, StateGlyph, T } from '../components'
import { pollWhileLive } from '../live'
import { Page } from '../shell/Page'
import { matches, useScope } from '../shell/scope'
import { quote } from './apps/filter'
import { OutOfScope } from './OutOfScope'
import css from './Places.module.css'

const ADD = `kubectl -n plumb-system create secret generic prod-eu --from-file=kubeconfig=prod-eu.kubeconfig
kubectl apply -f - <<'END'
apiVersion: plumb.cd/v1alpha1
kind: Cluster
metadata: {name: prod-eu}
spec:
  kubeconfig: {name: prod-eu, namespace: plumb-system}
END`

/** Clusters are where Apps run: whether we reach them, and how their Apps are. */
export default function Clusters() {
  const q = useQuery({ ...clustersQuery, refetchInterval: pollWhileLive(10_000) })
  const scope = useScope()
  const items = q.data?.items.filter((c) => matches(scope.cluster, c.name))
  const lost = items?.filter((c) => !c.connected).length ?? 0
  return (
    <Page title="Clusters" lead={items && items.length > 0 && (lost === 0 ? `${items.length === 1 ? 'One cluster' : `${items.length} clusters`}, all in contact.` : `${lost} of ${items.length} out of contact.`)}>
      {q.error && (
        <Problem what="Reading the clusters" problem={problemOf(q.error)}>
          <Button small onClick={() => void q.refetch()}>
            Try again
          </Button>
        </Problem>
      )}
      {!items ? (
        !q.error && <Skeleton rows={5} height={40} />
      ) : items.length === 0 && q.data!.items.length > 0 ? (
        <OutOfScope title="No cluster in this scope" part="cluster" />
      ) : items.length === 0 ? (
        <EmptyState title="No cluster yet" icon="clusters">
          <p>Plumb applies to the cluster that it runs in as soon as an App is there. Another one is a Secret with a kubeconfig, and a resource that names it; Apps then say <code>destination: {'{cluster: prod-eu}'}</code>.</p>
          <Command text={ADD} />
        </EmptyState>
      ) : (
        <ul className={css.cards}>
          {items.map((c) => (
            <One key={c.name} cluster={c} />
          ))}
        </ul>
      )}
    </Page>
  )
}

function One({ cluster: c }: { cluster: Cluster }) {
  const states = STATES.filter((s) => (c.states?.[s] ?? 0) > 0)
  return (
    <li className={`card ${css.card}`}>
      <div className="spread">
        <h2 className="cut">
          <T>{c.name}</T>
        </h2>
        <span className={css.contact} data-state={c.connected ? 'Synced' : 'Failed'}>
          <StateGlyph state={c.connected ? 'Synced' : 'Failed'} />
          {c.connected ? 'in contact' : 'out of contact'} <Ago at={c.since} />
        </span>
      </div>
      <Bar states={c.states} total={c.apps} />
      <ul className={css.states}>
        {states.map((s) => (
          <li key={s} data-state={s}>
            <Link to="/apps" search={{ filter: `cluster:${quote(c.name)} state:${s.toLowerCase()}` }}>
              <StateGlyph state={s} size={14} />
              <Num n={c.states[s] ?? 0} /> {s}
            </Link>
          </li>
        ))}
      </ul>
      <dl className={css.facts}>
        <div>
          <dt>Apps</dt>
          <dd>
            <Link to="/apps" search={{ filter: `cluster:${quote(c.name)}` }}>
              <Num n={c.apps} />
            </Link>
          </dd>
        </div>
        <div>
          <dt>Objects</dt>
          <dd>
            <Num n={c.objects} />
          </dd>
        </div>
        <div>
          <dt>Kinds watched</dt>
          <dd>
            <Num n={c.kinds} />
          </dd>
        </div>
        <div>
          <dt>Kubernetes</dt>
          <dd>
            <T>{c.version ?? '–'}</T>
          </dd>
        </div>
      </dl>
      {c.problem && <Problem what={`Reaching ${c.name}`} problem={c.problem} />}
    </li>
  )
}

function Bar({ states, total }: { states: Cluster['states']; total: number }) {
  if (!total) return <div className={css.bar} aria-hidden="true" />
  return (
    <div className={css.bar} aria-hidden="true">
      {STATES.filter((s) => (states?.[s] ?? 0) > 0).map((s) => (
        <span key={s} style={{ flexGrow: states[s] ?? 0, background: `var(--fill-${s.toLowerCase()})` }} />
      ))}
    </div>
  )
}

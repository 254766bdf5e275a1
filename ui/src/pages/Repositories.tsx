import { useMutation, useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { enc, post, problemOf } from '../api/client'
import { repositoriesQuery } from '../api/queries'
import type { Repository, RepositoryTest } from '../api/types'
import { Ago, Button, Command, EmptyState, Icon, Num, Problem, Skeleton, T, duration, short } from '../components'
import { pollWhileLive } from '../live'
import { Page } from '../shell/Page'
import { matches, useScope } from '../shell/scope'
import { quote } from './apps/filter'
import { OutOfScope } from './OutOfScope'
import css from './Places.module.css'

/** Repositories are where desired state comes from. Each can be asked now, and says the server's exact words. */
export default function Repositories() {
  const q = useQuery({ ...repositoriesQuery, refetchInterval: pollWhileLive(10_000) })
  const scope = useScope()
  const items = q.data?.items.filter((r) => matches(scope.namespace, r.namespace))
  const bad = items?.filter((r) => r.problem).length ?? 0
  return (
    <Page title="Repositories" lead={items && items.length > 0 && (bad === 0 ? 'All can be read.' : `${bad} of ${items.length} cannot be read.`)}>
      {q.error && (
        <Problem what="Reading the repositories" problem={problemOf(q.error)}>
          <Button small onClick={() => void q.refetch()}>
            Try again
          </Button>
        </Problem>
      )}
      {!items ? (
        !q.error && <Skeleton rows={5} height={40} />
      ) : items.length === 0 && q.data!.items.length > 0 ? (
        <OutOfScope title="No repository in this scope" part="namespace" />
      ) : items.length === 0 ? (
        <EmptyState title="No repository yet" icon="repositories">
          <p>A Repository says where Git is. A public one needs no credentials; for a private one, name a Secret with username and password, or a deploy key.</p>
          <Command text={`kubectl apply -f - <<'END'\napiVersion: plumb.cd/v1alpha1\nkind: Repository\nmetadata: {name: shop, namespace: default}\nspec:\n  url: https://git.example.com/shop/deploy.git\n  interval: 30s\nEND`} />
        </EmptyState>
      ) : (
        <ul className={css.cards}>
          {items.map((r) => (
            <One key={`${r.namespace}/${r.name}`} repo={r} />
          ))}
        </ul>
      )}
    </Page>
  )
}

function One({ repo: r }: { repo: Repository }) {
  const test = useMutation({ mutationFn: () => post<RepositoryTest>(enc`repositories/${r.namespace}/${r.name}/test`) })
  return (
    <li className={`card ${css.card}`}>
      <div className="spread">
        <h2 className="cut">
          <T>{r.name}</T> <span className="muted">{r.namespace}</span>
        </h2>
        <Button small onClick={() => test.mutate()} busy={test.isPending}>
          <Icon name="refresh" size={14} /> {test.isPending ? 'Asking …' : 'Test now'}
        </Button>
      </div>
      <p className={`mono ${css.url}`}>
        <T>{r.url}</T>
      </p>
      <dl className={css.facts}>
        <div>
          <dt>Apps</dt>
          <dd>
            <Link to="/apps" search={{ filter: `source:${quote(r.url.replace(/^[a-z+]+:\/\//, '').replace(/\.git$/, ''))}` }}>
              <Num n={r.apps} />
            </Link>
          </dd>
        </div>
        <div>
          <dt>Asked</dt>
          <dd>
            <Ago at={r.checked} suffix=" ago" />
          </dd>
        </div>
        <div>
          <dt>News</dt>
          <dd>
            <Ago at={r.changed} suffix=" ago" />
          </dd>
        </div>
      </dl>
      {r.refs && r.refs.length > 0 && (
        <ul className={css.refs} aria-label="Refs in use">
          {r.refs.slice(0, 5).map((f) => (
            <li key={f.ref}>
              <span className="mono cut">
                <T>{f.ref}</T>
              </span>
              <code>{short(f.commit)}</code>
            </li>
          ))}
          {r.refs.length > 5 && <li className="muted">and {r.refs.length - 5} more</li>}
        </ul>
      )}
      <div role="status">
        {test.data?.ok && (
          <p className={css.ok}>
            <Icon name="check" /> Answered {test.data.took > 0 ? `in ${duration(test.data.took)}` : 'at once'}
            {test.data.refs !== undefined && `: ${test.data.refs} ${test.data.refs === 1 ? 'branch or tag' : 'branches and tags'}`}
          </p>
        )}
      </div>
      {test.data && !test.data.ok && test.data.problem && <Problem what="The test" problem={test.data.problem} />}
      {test.error && <Problem what="The test" problem={problemOf(test.error)} />}
      {r.problem && !test.data && <Problem what={`Reading ${r.name}`} problem={r.problem} />}
    </li>
  )
}

import { useInfiniteQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { changesQuery } from '../../api/queries'
import { Ago, CommitRef, Icon, T, short } from '../../components'
import { pollWhileLive } from '../../live'
import { faceOf, sentenceOf } from '../changewords'
import css from './Overview.module.css'

const SHOWN = 6

/** Lately is what changed last: deployments, failures, rollbacks, drift. */
export function Lately({ filter }: { filter: string }) {
  const q = useInfiniteQuery({ ...changesQuery({ filter, kind: 'deployment,failure,rollback,drift,healed,fight' }), refetchInterval: pollWhileLive(15_000) })
  const items = q.data?.pages[0]?.items.slice(0, SHOWN) ?? []
  if (items.length === 0) return null
  return (
    <section className="card" aria-labelledby="lately">
      <div className={css.cardHead}>
        <h2 id="lately">Lately</h2>
        <Link to="/changes" search={{}}>
          All changes
        </Link>
      </div>
      <ul className={css.lately}>
        {items.map((c) => {
          const face = faceOf(c)
          const [namespace = '', name = ''] = c.app.split('/')
          const words = sentenceOf(c) || (c.fields?.[0] ? `${c.fields[0].path} by ${c.manager ?? 'somebody'}` : '')
          return (
            <li key={c.seq} data-state={face.state}>
              <span className={css.latelyKind}>
                <Icon name={face.icon} size={14} />
                {face.word}
              </span>
              <Link to="/a/$namespace/$name" params={{ namespace, name }} search={{ tab: 'timeline' }} preload={false} className="cut">
                <T>{name || c.app}</T>
              </Link>
              <span className="cut muted">
                {c.by && !words ? (
                  <CommitRef commit={c.by} brief />
                ) : (
                  <>
                    {c.commit && <code>{short(c.by?.sha ?? c.commit)} </code>}
                    <T>{words}</T>
                  </>
                )}
              </span>
              <span className="muted tnum">
                <Ago at={c.at} />
              </span>
            </li>
          )
        })}
      </ul>
    </section>
  )
}

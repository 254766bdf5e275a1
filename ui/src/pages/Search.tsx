import { useQuery } from '@tanstack/react-query'
import { getRouteApi, Link, useNavigate, useRouter } from '@tanstack/react-router'
import { problemOf } from '../api/client'
import { searchQuery } from '../api/queries'
import { EmptyState, Icon, Problem, Skeleton, StateGlyph, T } from '../components'
import { Page } from '../shell/Page'
import css from './Search.module.css'

const route = getRouteApi('/search')

/** Search is the palette as a page, so that an answer has an address. */
export default function Search() {
  const { q = '' } = route.useSearch()
  const navigate = useNavigate({ from: '/search' })
  const router = useRouter()
  const hits = useQuery({ ...searchQuery(q.trim()), enabled: q.trim() !== '' })
  return (
    <Page title="Search">
      <input className={css.field} type="search" aria-label="Search" placeholder="Search apps, objects, clusters, repositories" value={q} maxLength={200} onChange={(e) => void navigate({ search: { q: e.target.value || undefined }, replace: true })} />
      {hits.error && <Problem what="The search" problem={problemOf(hits.error)} />}
      {q.trim() === '' ? null : !hits.data ? (
        !hits.error && <Skeleton rows={6} />
      ) : hits.data.items.length === 0 ? (
        <EmptyState title="Nothing found" icon="search">
          <p>
            Names of Apps, objects, clusters and repositories are searched. <Link to="/apps" search={{ filter: q }}>Filter the Apps by this instead</Link>
          </p>
        </EmptyState>
      ) : (
        <ul className={`card ${css.hits}`}>
          {hits.data.items.map((h) => (
            <li key={h.kind + h.path + h.title}>
              <a
                href={router.basepath === '/' ? h.path : router.basepath + h.path}
                onClick={(e) => {
                  if (e.ctrlKey || e.metaKey || e.shiftKey) return
                  e.preventDefault()
                  router.history.push(router.basepath === '/' ? h.path : router.basepath + h.path)
                }}
              >
                {h.state ? <StateGlyph state={h.state} label={h.state} /> : <Icon name="right" />}
                <b className="cut">
                  <T>{h.title}</T>
                </b>
                <span className="muted cut">
                  <T>{h.where}</T>
                </span>
              </a>
            </li>
          ))}
        </ul>
      )}
    </Page>
  )
}

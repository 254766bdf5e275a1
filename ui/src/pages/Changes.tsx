import { useInfiniteQuery } from '@tanstack/react-query'
import { getRouteApi, Link, useNavigate } from '@tanstack/react-router'
import { useCallback, useMemo } from 'react'
import { problemOf } from '../api/client'
import { changesQuery } from '../api/queries'
import type { Change, FieldDiff } from '../api/types'
import { Ago, Button, Chip, CommitRef, EmptyState, Icon, Problem, Skeleton, T, VirtualList, exact, plain, short } from '../components'
import { pollWhileLive } from '../live'
import { useKeys } from '../shell/keys'
import { useScope, within } from '../shell/scope'
import { Page } from '../shell/Page'
import { faceOf, sentenceOf } from './changewords'
import { ViewsMenu } from './views/ViewsMenu'
import css from './Changes.module.css'

const route = getRouteApi('/changes')

const views = [
  { label: 'Everything', kind: undefined },
  { label: 'Drift', kind: 'drift,healed,fight' },
  { label: 'Deployments', kind: 'deployment,failure,rollback' },
  { label: 'Health', kind: 'health' },
  { label: 'What people asked for', kind: 'request,rollback' },
  { label: 'Failures', kind: 'failure' },
] as const

/** What many look for; as queries, which is what saved views are too. */
const common = [
  ['Drift that came back', 'kind=fight'],
  ['What people asked for in prod', 'filter=env:prod&kind=request,rollback'],
] as const

/** Changes is everything that happened, newest first: deployments, drift with the tool that did it, and who asked for what. */
export default function Changes() {
  const search = route.useSearch()
  const navigate = useNavigate({ from: '/changes' })
  const { filter, kind, app } = search
  const q = useInfiniteQuery({ ...changesQuery({ filter: within(useScope(), filter), ...(kind ? { kind } : {}), ...(app ? { app } : {}) }), refetchInterval: pollWhileLive(15_000) })
  const rows = useMemo(() => q.data?.pages.flatMap((p) => p.items) ?? [], [q.data])
  const { hasNextPage, isFetching, fetchNextPage } = q
  const more = useCallback(() => {
    if (hasNextPage && !isFetching) void fetchNextPage()
  }, [hasNextPage, isFetching, fetchNextPage])
  useKeys({ r: { run: () => void q.refetch(), label: 'Read again' } }, 'Changes')
  const set = (part: Partial<typeof search>) => void navigate({ search: (s) => ({ ...s, ...part }), replace: true })
  return (
    <Page title="Changes" lead="What happened, newest first. A tool is named by its field manager; a person only where one signed in and asked.">
      <div className="row" style={{ flexWrap: 'wrap' }}>
        <div className={css.tabs} role="group" aria-label="Show">
          {views.map((v) => (
            <button type="button" key={v.label} aria-pressed={(kind ?? undefined) === v.kind} onClick={() => set({ kind: v.kind })}>
              {v.label}
            </button>
          ))}
        </div>
        <ViewsMenu common={common} />
        {app && (
          <Chip tone="accent" removeLabel="All Apps" onRemove={() => set({ app: undefined })}>
            <T>{`app ${app}`}</T>
          </Chip>
        )}
        {filter && (
          <Chip tone="accent" removeLabel="Without the filter" onRemove={() => set({ filter: undefined })}>
            <T>{filter}</T>
          </Chip>
        )}
      </div>
      {q.error && (
        <Problem what="Reading what happened" problem={problemOf(q.error)}>
          <Button small onClick={() => void q.refetch()}>
            Try again
          </Button>
        </Problem>
      )}
      {!q.data ? (
        !q.error && <Skeleton rows={10} height={22} label="Reading what happened" />
      ) : rows.length === 0 ? (
        <Nothing kind={kind} />
      ) : (
        <div className={`card ${css.list}`}>
          <VirtualList
            count={rows.length}
            rowHeight={58}
            measure
            label="Changes"
            keyOf={(i) => rows[i]!.seq}
            onEnd={more}
            render={(i) => <Row change={rows[i]!} day={i === 0 || dayOf(rows[i]!.at) !== dayOf(rows[i - 1]!.at)} onApp={(a) => set({ app: a })} />}
          />
        </div>
      )}
    </Page>
  )
}

const days = new Intl.DateTimeFormat(undefined, { weekday: 'long', day: 'numeric', month: 'long' })
const dayOf = (at: string) => days.format(new Date(at))

function Row({ change: c, day, onApp }: { change: Change; day: boolean; onApp: (app: string) => void }) {
  const kind = faceOf(c)
  const slash = c.app.indexOf('/')
  return (
    <>
      {day && <h2 className={css.day}>{dayOf(c.at)}</h2>}
      <div className={css.row} data-state={kind.state}>
        <span className={css.kind}>
          <Icon name={kind.icon} size={14} />
          {kind.word}
        </span>
        <div className={css.body}>
          <div className={css.title}>
            {slash > 0 ? (
              <Link to="/a/$namespace/$name" params={{ namespace: c.app.slice(0, slash), name: c.app.slice(slash + 1) }} search={{}} preload={false}>
                <T>{c.app}</T>
              </Link>
            ) : (
              <b>
                <T>{c.app}</T>
              </b>
            )}
            {c.object && (
              <span className="mono muted">
                <T>{c.object}</T>
              </span>
            )}
            {c.repeats && c.repeats > 1 ? (
              <Chip tone="warn">
                {c.repeats} times{c.first ? <>, since {exact(c.first)}</> : ''}
              </Chip>
            ) : null}
          </div>
          <p className={css.words}>
            {says(c)}
            {c.by ? <CommitRef commit={c.by} /> : c.commit && <code>{short(c.commit)}</code>}
            {c.manager && (
              <span className="muted">
                tool: <T>{c.manager}</T>
              </span>
            )}
            {c.actor && (
              <span>
                <Icon name="user" size={12} /> <T>{c.actor}</T>
              </span>
            )}
          </p>
          {c.fields && c.fields.length > 0 && <Fields fields={c.fields} />}
        </div>
        <span className={css.when}>
          <Ago at={c.at} />
          <Button small kind="quiet" onClick={() => onApp(c.app)} title="Only this App" aria-label={`Only ${plain(c.app)}`}>
            <Icon name="filter" size={13} />
          </Button>
        </span>
      </div>
    </>
  )
}

function says(c: Change) {
  const words = sentenceOf(c)
  return words && (
    <span>
      <T>{words}</T>
    </span>
  )
}

/** value is a field's value in a few words. */
export function value(v: unknown): string {
  if (v === undefined) return 'nothing'
  const s = typeof v === 'string' ? v : JSON.stringify(v)
  return s.length > 80 ? s.slice(0, 79) + '…' : s
}

function Fields({ fields }: { fields: FieldDiff[] }) {
  return (
    <ul className={css.fields}>
      {fields.slice(0, 3).map((f) => (
        <li key={f.path}>
          <code>
            <T>{f.path}</T>
          </code>
          <span>
            Git says{' '}
            <b>
              <T>{value(f.left)}</T>
            </b>
            , it was made{' '}
            <b>
              <T>{value(f.right)}</T>
            </b>
          </span>
        </li>
      ))}
      {fields.length > 3 && <li className="muted">and {fields.length - 3} more fields</li>}
    </ul>
  )
}

function Nothing({ kind }: { kind: string | undefined }) {
  if (kind?.includes('drift'))
    return (
      <EmptyState title="No drift" icon="check" tone="good">
        <p>Nobody changed what Plumb owns. It watches every object that it applied, all the time: what is changed is undone within milliseconds, and stands here with the tool that did it.</p>
      </EmptyState>
    )
  return (
    <EmptyState title="Nothing happened yet" icon="changes">
      <p>Deployments, drift, rollbacks and what people ask for will stand here.</p>
    </EmptyState>
  )
}

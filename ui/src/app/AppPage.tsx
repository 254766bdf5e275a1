import { useQuery } from '@tanstack/react-query'
import { lazy, Suspense, useEffect, useRef } from 'react'
import { problemOf } from '../api/client'
import { Banner, Button, Problem, Skeleton } from '../components'
import { useKeys } from '../shell/keys'
import { Page } from '../shell/Page'
import { toast } from '../shell/toast'
import css from './apppage.module.css'
import { Drawer } from './Drawer'
import { Header } from './Header'
import { Objects } from './Objects'
import { type App, appView } from './queries'
import { objectTabs, type TabID, tabs, usePlace } from './url'
import { useWishes } from './wishes'
import { formatID } from './words'

const Diff = lazy(() => import('./Diff'))
const Timeline = lazy(() => import('./Timeline'))
const Drift = lazy(() => import('./Drift'))
const Events = lazy(() => import('./Events'))
const Logs = lazy(() => import('./Logs'))
const Config = lazy(() => import('./Config'))
const PlanDialog = lazy(() => import('./Plan'))
const RollbackDialog = lazy(() => import('./Rollback'))

/** AppPage is one App: /a/:namespace/:name, and its objects below it. */
export default function AppPage() {
  const { place } = usePlace()
  const app = useQuery(appView(place))
  if (app.data === undefined) {
    return (
      <Page title={place.name} bare={app.error === null}>
        {app.error ? <Problem what={`Reading App ${place.namespace}/${place.name}`} problem={problemOf(app.error)}><Button small onClick={() => void app.refetch()}>Try again</Button></Problem> : <Skeleton rows={9} height={34} />}
      </Page>
    )
  }
  return (
    <Page title={place.name} state={app.data.state} bare>
      <Loaded app={app.data} stale={app.error} />
    </Page>
  )
}

function Loaded({ app, stale }: { app: App; stale: unknown }) {
  const { place, go } = usePlace()
  const wishes = useWishes(place)
  useAppKeys(app)
  useFocusBack(place.object)
  const dialog = place.search.dialog
  const close = () => go({ search: { dialog: undefined, to: undefined, how: undefined } }, 'replace')
  return (
    <div className={css.split} data-drawer={place.object === '' ? undefined : true}>
      <div className={css.left}>
        {stale ? <Banner tone="warn">This is what was known before: {problemOf(stale).message}</Banner> : null}
        <Header
          app={app} wishes={wishes} onWhy={(object) => go({ object, objectTab: 'why' })} onPlan={() => go({ search: { dialog: 'plan' } })}
          onRollback={() => go({ search: { dialog: 'rollback' } })} onHold={() => go({ search: { dialog: 'rollback', how: 'hold' } })}
        />
        <Tabs app={app} />
        <div className={css.main}>
          <Suspense fallback={<Skeleton rows={7} height={36} />}><Tab tab={place.tab} app={app} /></Suspense>
        </div>
      </div>
      <Drawer app={app} />
      <Suspense fallback={null}>
        {dialog === 'plan' && <PlanDialog app={app} onClose={close} />}
        {dialog === 'rollback' && <RollbackDialog app={app} onClose={close} />}
      </Suspense>
    </div>
  )
}

function Tab({ tab, app }: { tab: TabID; app: App }) {
  switch (tab) {
    case 'graph': return <Objects app={app} lens="graph" />
    case 'list': return <Objects app={app} lens="list" />
    case 'diff': return <Diff />
    case 'timeline': return <Timeline app={app} />
    case 'drift': return <Drift app={app} />
    case 'events': return <Events object="" />
    case 'logs': return <Logs object="" app={app} />
    case 'config': return <Config app={app} />
  }
}

function Tabs({ app }: { app: App }) {
  const { place, go, href } = usePlace()
  const bar = useRef<HTMLElement>(null)
  useEffect(() => {
    bar.current?.querySelector('[aria-current]')?.scrollIntoView({ block: 'nearest', inline: 'nearest' })
  }, [place.tab])
  return (
    <nav ref={bar} className={css.tabs} aria-label="Parts of the App">
      {tabs.map((t, i) => (
        <a
          key={t.id} href={href({ tab: t.id })} className={css.tab} aria-current={t.id === place.tab ? 'page' : undefined} title={`Key ${i + 1}`}
          onClick={(e) => {
            if (e.metaKey || e.ctrlKey || e.shiftKey || e.button !== 0) return
            e.preventDefault()
            go({ tab: t.id })
          }}
        >
          {t.label}
          {t.id === 'drift' && app.counts.drifted > 0 && <span className={css.count} data-state="Drifted">{app.counts.drifted}</span>}
        </a>
      ))}
    </nav>
  )
}

/** Keys of the page; those of the tree are the tree's own. */
function useAppKeys(app: App) {
  const { place, go, href } = usePlace()
  const here = () => {
    // The focused node, else the open drawer, else the object that is to blame.
    const focused = document.activeElement?.closest<HTMLElement>('[data-object]')?.dataset.object
    return focused ?? (place.object === 'app' ? '' : place.object)
  }
  const blamed = app.blocking && app.blocking.object.kind !== '' ? formatID(app.blocking.object) : ''
  const part = (objectTab: (typeof objectTabs)[number]['id'], tab: TabID) => () => {
    const object = here()
    if (object === '') go({ tab })
    else go({ object, objectTab })
  }
  const click = (id: string) => () => document.getElementById(id)?.click()
  useKeys({
    ...Object.fromEntries(tabs.map((t, i) => [String(i + 1), { run: () => go({ tab: t.id }), label: t.label }])),
    w: { run: () => go({ object: here() || 'app', objectTab: 'why' }), label: 'Why' },
    d: { run: part('diff', 'diff'), label: 'Diff' },
    l: { run: () => (here() || blamed ? go({ object: here() || blamed, objectTab: 'logs' }) : go({ tab: 'logs' })), label: 'Logs' },
    e: { run: part('events', 'events'), label: 'Events' },
    y: { run: part('live', 'list'), label: 'Live YAML of the object' },
    f: { run: () => document.getElementById('find-object')?.focus(), label: 'Find an object' },
    c: {
      run: () => void navigator.clipboard?.writeText(href({})).then(() => toast('good', 'The link is copied')),
      label: 'Copy the link',
    },
    s: { run: () => go({ search: { dialog: 'plan' } }), label: 'Plan & sync' },
    b: { run: () => go({ search: { dialog: 'rollback' } }), label: 'Roll back' },
    'Shift+F': { run: click('show-all'), label: 'Show all objects' },
    Escape: { run: () => (place.object === '' ? undefined : go({ object: '' })), label: 'Close the drawer' },
  }, 'App page')
}

/** When the drawer closes, the focus goes back to the object that it showed. */
function useFocusBack(object: string) {
  const before = useRef('')
  useEffect(() => {
    const was = before.current
    before.current = object
    if (object !== '' || was === '') return
    const el = document.querySelector<HTMLElement>(`[data-object="${CSS.escape(was)}"]`) ?? document.querySelector<HTMLElement>('[role="treeitem"][tabindex="0"], [role="row"][tabindex="0"]')
    el?.focus({ preventScroll: true })
  }, [object])
}

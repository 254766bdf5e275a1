import { lazy, type ReactNode, Suspense, useEffect, useId, useRef, useSyncExternalStore } from 'react'
import { CopyButton, Dialog, Icon, IconButton, Skeleton, T } from '../components'
import css from './drawer.module.css'
import { KindIcon } from './kinds'
import type { App } from './queries'
import { objectTabs, usePlace } from './url'
import { Why } from './Why'
import { parseID } from './words'

const Yaml = lazy(() => import('./Yaml'))
const ObjectDiff = lazy(() => import('./Diff').then((m) => ({ default: m.ObjectDiffTab })))
const Events = lazy(() => import('./Events'))
const Logs = lazy(() => import('./Logs'))
const Blame = lazy(() => import('./Blame'))

const wide = '(min-width: 1080px)'
export function useMedia(query: string): boolean {
  return useSyncExternalStore(
    (f) => {
      const m = matchMedia(query)
      m.addEventListener('change', f)
      return () => m.removeEventListener('change', f)
    },
    () => matchMedia(query).matches,
  )
}

/** Drawer is one object beside the page; on a narrow screen it is a dialog over it. */
export function Drawer({ app }: { app: App }) {
  const { place, go, href } = usePlace()
  const beside = useMedia(wide)
  const close = () => go({ object: '' })
  if (place.object === '') return null
  const head = <Title object={place.object} app={app} />
  const copy = <CopyButton text={href({})} label="Copy the link (c)" />
  if (!beside) {
    return (
      <Dialog open onClose={close} side="drawer" title={<span className={css.title}>{head}{copy}</span>}>
        <Parts app={app} />
      </Dialog>
    )
  }
  return <Beside key={place.object} head={head} copy={copy} close={close}><Parts app={app} /></Beside>
}

/** Beside takes the focus when it opens and gives it back when it closes. */
function Beside({ head, copy, close, children }: { head: ReactNode; copy: ReactNode; close: () => void; children: ReactNode }) {
  const id = useId()
  const heading = useRef<HTMLHeadingElement>(null)
  useEffect(() => {
    // A page that was opened by its address keeps its own start.
    if (document.activeElement !== null && document.activeElement !== document.body) heading.current?.focus({ preventScroll: true })
  }, [])
  return (
    <aside className={css.beside} aria-labelledby={id} data-testid="drawer">
      <header className={css.head}>
        <h2 id={id} ref={heading} tabIndex={-1} className={css.title}>{head}</h2>
        {copy}
        <IconButton label="Close (Esc)" onClick={close}><Icon name="x" /></IconButton>
      </header>
      <div className={css.body}>{children}</div>
    </aside>
  )
}

function Title({ object, app }: { object: string; app: App }) {
  if (object === 'app') return <><Icon name="apps" size={18} /><span className={css.names}><span>Why {app.state}</span><small><T>{`App ${app.namespace}/${app.name}`}</T></small></span></>
  const id = parseID(object)
  return (
    <>
      <KindIcon kind={id.kind} size={18} />
      <span className={css.names}>
        <span><T>{id.name}</T></span>
        <small><T>{[id.kind, id.group, id.namespace && `in ${id.namespace}`].filter(Boolean).join(' · ')}</T></small>
      </span>
    </>
  )
}

function Parts({ app }: { app: App }) {
  const { place, go } = usePlace()
  if (place.object === 'app') return <Why app={app} object="app" />
  return (
    <>
      <nav className={css.tabs} aria-label="Parts of the object">
        {objectTabs.map((t) => (
          <button key={t.id} type="button" className={css.tab} aria-current={t.id === place.objectTab ? 'page' : undefined} onClick={() => go({ objectTab: t.id })}>{t.label}</button>
        ))}
      </nav>
      <Suspense fallback={<Skeleton rows={8} />}>
        {place.objectTab === 'why' && <Why app={app} object={place.object} />}
        {place.objectTab === 'live' && <Yaml object={place.object} />}
        {place.objectTab === 'diff' && <ObjectDiff object={place.object} />}
        {place.objectTab === 'events' && <Events object={place.object} />}
        {place.objectTab === 'logs' && <Logs object={place.object} app={app} />}
        {place.objectTab === 'blame' && <Blame object={place.object} />}
      </Suspense>
    </>
  )
}

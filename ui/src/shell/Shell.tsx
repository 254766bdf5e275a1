import { Link, useNavigate, useRouterState } from '@tanstack/react-router'
import { lazy, Suspense, useEffect, useState, type ReactNode } from 'react'
import { Dialog, Icon, IconButton, Kbd } from '../components'
import { Announcer } from './Announcer'
import { flipTheme, isDark, useAppearance } from './appearance'
import { ConnectionBanner, ConnectionState } from './ConnectionState'
import { useKeys, type Bindings } from './keys'
import { LATER, PLACES, type Place } from './places'
import { ScopePicker } from './ScopePicker'
import { Toasts } from './toast'
import { UserMenu } from './UserMenu'
import css from './Shell.module.css'

const Palette = lazy(() => import('./Palette'))
const HelpSheet = lazy(() => import('./HelpSheet'))

/** Shell is the frame of the console: rail, bar, page. */
export function Shell({ children }: { children: ReactNode }) {
  const [over, setOver] = useState<'palette' | 'help' | 'menu' | undefined>()
  const navigate = useNavigate()
  const path = useRouterState({ select: (s) => s.location.pathname })
  const tv = useRouterState({ select: (s) => (s.location.search as { tv?: string }).tv === '1' })
  useEffect(() => setOver((o) => (o === 'menu' ? undefined : o)), [path])
  const go: Bindings = Object.fromEntries([...PLACES, ...LATER].filter((p) => p.key).map((p) => [`g ${p.key}`, { run: () => void navigate({ to: p.to }), label: p.label }]))
  useKeys(go, 'Go to')
  useKeys(
    {
      'Ctrl+k': { run: () => setOver('palette'), label: 'Search for anything' },
      '?': { run: () => setOver('help'), label: 'This sheet' },
      'Shift+D': { run: flipTheme, label: 'Light or dark' },
    },
    'Everywhere',
  )
  const close = () => setOver(undefined)
  if (tv) return <main id="main">{children}</main>
  return (
    <div className={css.shell}>
      <a className={css.skip} href="#main" onClick={skip}>
        Skip to the content
      </a>
      <header className={css.bar}>
        <IconButton label="Menu" className={css.burger} onClick={() => setOver('menu')} aria-expanded={over === 'menu'}>
          <Icon name="menu" />
        </IconButton>
        <Link to="/" className={css.brand} aria-label="Plumb: overview">
          <Mark />
          <span>Plumb</span>
        </Link>
        <button type="button" className={css.find} onClick={() => setOver('palette')} title="Search (Ctrl K)">
          <Icon name="search" />
          <span>Search apps, objects, pages</span>
          <Kbd>Ctrl K</Kbd>
        </button>
        <ScopePicker />
        <div className={css.tools}>
          <ConnectionState />
          <ThemeButton />
          <IconButton label="Keyboard shortcuts (?)" className={css.wideOnly} onClick={() => setOver('help')}>
            <Icon name="help" />
          </IconButton>
          <UserMenu />
        </div>
      </header>
      <div className={css.rail}>
        <Navigation />
      </div>
      <main id="main" tabIndex={-1} className={css.main}>
        <ConnectionBanner />
        {children}
      </main>
      <Announcer />
      <Toasts />
      <Dialog open={over === 'menu'} onClose={close} title="Plumb" side="left">
        <Navigation />
      </Dialog>
      <Suspense>
        {over === 'palette' && <Palette onClose={close} onHelp={() => setOver('help')} />}
        {over === 'help' && <HelpSheet onClose={close} />}
      </Suspense>
    </div>
  )
}

// The page has a <base>, by which "#main" would be another page.
function skip(e: { preventDefault(): void }) {
  e.preventDefault()
  document.getElementById('main')?.focus()
}

function ThemeButton() {
  const a = useAppearance()
  const dark = isDark(a)
  return (
    <IconButton label={dark ? 'Light theme (Shift D)' : 'Dark theme (Shift D)'} className={css.wideOnly} onClick={flipTheme}>
      <Icon name={dark ? 'sun' : 'moon'} />
    </IconButton>
  )
}

function Navigation() {
  return (
    <nav aria-label="Main" className={css.nav}>
      <ul>{PLACES.map(item)}</ul>
      <h2 className={css.later}>Not there yet</h2>
      <ul className={css.laterList}>{LATER.map(item)}</ul>
    </nav>
  )
}

function item(p: Place) {
  return (
    <li key={p.to}>
      <Link to={p.to} activeOptions={{ exact: p.to === '/', includeSearch: false }} title={p.key ? `${p.label} (g ${p.key})` : p.label}>
        <Icon name={p.icon} />
        {p.label}
      </Link>
    </li>
  )
}

/** Mark is the plumb line: a weight on a string. */
export function Mark({ size = 24 }: { size?: number }) {
  return (
    <svg width={size} height={size} viewBox="0 0 32 32" aria-hidden="true">
      <rect width="32" height="32" rx="8" className={css.markBack} />
      <path d="M16 4v12" className={css.markString} />
      <path d="M16 28.5 10.5 19a3 3 0 0 1 2.6-4.5h5.8a3 3 0 0 1 2.6 4.5z" className={css.markBob} />
    </svg>
  )
}

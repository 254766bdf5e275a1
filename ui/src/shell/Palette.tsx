import { useQuery } from '@tanstack/react-query'
import { useNavigate, useRouter } from '@tanstack/react-router'
import { useDeferredValue, useId, useState, type KeyboardEvent } from 'react'
import { problemOf } from '../api/client'
import { searchQuery } from '../api/queries'
import type { SearchHit } from '../api/types'
import { Dialog, Icon, Kbd, StateGlyph, T, plain } from '../components'
import { flipTheme, setAppearance, appearance } from './appearance'
import { addressOf, useOpenView, viewsQuery } from '../pages/views/views'
import { LATER, PLACES } from './places'
import { useScope, withScope } from './scope'
import { signOut } from './signOut'
import css from './Palette.module.css'

interface Entry {
  id: string
  icon: string
  title: string
  where: string
  state?: string | undefined
  run: () => void
}

const icons: Record<string, string> = { app: 'apps', object: 'file', cluster: 'clusters', repository: 'repositories', page: 'right' }

interface Ways {
  onClose: () => void
  onHelp: () => void
}

/** useEntries is what the palette offers for a text: what the server found, then pages and actions of the console. */
function useEntries(q: string, hits: readonly SearchHit[], { onClose, onHelp }: Ways): Entry[] {
  const navigate = useNavigate()
  const router = useRouter()
  const scope = useScope()
  const openView = useOpenView()
  const mine = useQuery(viewsQuery).data?.items ?? []
  const after = (f: () => void) => () => {
    onClose()
    f()
  }
  const open = (path: string) => router.history.push((router.basepath === '/' ? '' : router.basepath) + withScope(path, scope))
  const views: Entry[] = mine.map((v) => ({ id: `view ${v.name}`, icon: 'star', title: v.name ?? '', where: `view, ${plain(addressOf(v))}`, run: after(() => openView(v)) }))
  const actions: Entry[] = [
    ...PLACES.map((p) => ({ id: p.to, icon: p.icon, title: p.label, where: p.key ? `page, g ${p.key}` : 'page', run: after(() => void navigate({ to: p.to })) })),
    { id: 'failed', icon: 'filter', title: 'Apps that failed', where: 'filter', run: after(() => void navigate({ to: '/apps', search: { filter: 'state:failed,degraded' } })) },
    { id: 'theme', icon: 'moon', title: 'Light or dark theme', where: 'action, Shift D', run: after(flipTheme) },
    { id: 'density', icon: 'list', title: 'Compact or normal rows', where: 'action', run: after(() => setAppearance({ density: appearance().density === 'compact' ? 'normal' : 'compact' })) },
    { id: 'help', icon: 'help', title: 'Keyboard shortcuts and states', where: 'action, ?', run: onHelp },
    { id: 'tv', icon: 'tv', title: 'Overview for a wall screen', where: 'action', run: after(() => void navigate({ to: '/', search: { tv: '1' } })) },
    { id: 'signout', icon: 'user', title: 'Sign out', where: 'action', run: after(() => void signOut()) },
    ...LATER.map((p) => ({ id: p.to, icon: p.icon, title: p.label, where: 'not there yet', run: after(() => void navigate({ to: p.to })) })),
  ]
  if (q === '') return [...actions.slice(0, PLACES.length), ...views.slice(0, 8), ...actions.slice(PLACES.length, PLACES.length + 5)]
  return [
    ...hits.map((h, i) => ({ id: `hit${i}`, icon: icons[h.kind] ?? 'right', title: h.title, where: h.where || h.kind, state: h.state, run: after(() => open(h.path)) })),
    ...[...views, ...actions].filter((a) => fits(a.title, q)),
    { id: 'filter', icon: 'filter', title: `Filter the Apps by “${q}”`, where: 'apps', run: after(() => void navigate({ to: '/apps', search: { filter: q } })) },
  ]
}

/** Palette finds anything: Apps and objects (the server ranks), pages and actions. Ctrl K. */
export default function Palette({ onClose, onHelp }: Ways) {
  const [text, setText] = useState('')
  const [at, setAt] = useState(0)
  const q = useDeferredValue(text.trim())
  const hits = useQuery({ ...searchQuery(q), enabled: q !== '' })
  const entries = useEntries(q, hits.data?.items ?? [], { onClose, onHelp })
  const list = useId()
  const chosen = Math.min(at, entries.length - 1)

  const onKeyDown = (e: KeyboardEvent) => {
    if (e.key === 'ArrowDown') setAt(Math.min(chosen + 1, entries.length - 1))
    else if (e.key === 'ArrowUp') setAt(Math.max(chosen - 1, 0))
    else if (e.key === 'Home') setAt(0)
    else if (e.key === 'Enter' && text.trim() === q) entries[chosen]?.run()
    else return
    e.preventDefault()
  }
  return (
    <Dialog open onClose={onClose} title="Search" side="top" width={620} bare>
      <div className={css.field}>
        <Icon name="search" />
        <input
          // The dialog was opened to type here.
          autoFocus
          role="combobox"
          aria-expanded
          aria-controls={list}
          aria-activedescendant={entries[chosen] ? `${list}-${chosen}` : undefined}
          aria-label="Search apps, objects, pages, actions"
          placeholder="Search apps, objects, pages, actions"
          value={text}
          maxLength={200}
          autoComplete="off"
          spellCheck={false}
          onChange={(e) => (setText(e.target.value), setAt(0))}
          onKeyDown={onKeyDown}
        />
        <Kbd>Esc</Kbd>
      </div>
      {hits.error && q !== '' && <p className={css.trouble}>Search failed: {problemOf(hits.error).message}</p>}
      <ul id={list} role="listbox" aria-label="Results" className={css.list}>
        {entries.map((e, i) => (
          // The field keeps the focus and its arrow keys choose: options are for the pointer only.
          <li
            key={e.id}
            id={`${list}-${i}`}
            role="option"
            tabIndex={-1}
            aria-selected={i === chosen}
            ref={i === chosen ? (el) => el?.scrollIntoView({ block: 'nearest' }) : undefined}
            onClick={e.run}
            onMouseMove={() => i !== chosen && setAt(i)}
          >
            {e.state ? <StateGlyph state={e.state} label={e.state} /> : <Icon name={e.icon} />}
            <span className="cut">
              <T>{e.title}</T>
            </span>
            <span className={`muted cut ${css.where}`}>
              <T>{e.where}</T>
            </span>
          </li>
        ))}
      </ul>
      <div className="sr" role="status">
        {q !== '' && hits.data ? `${entries.length} results` : ''}
      </div>
    </Dialog>
  )
}

/** fits says whether all words of q stand in a title, in any order. */
export function fits(title: string, q: string): boolean {
  const t = title.toLowerCase()
  return q
    .toLowerCase()
    .split(/\s+/)
    .every((w) => t.includes(w))
}

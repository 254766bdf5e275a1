import { useQuery } from '@tanstack/react-query'
import { useState, type FormEvent } from 'react'
import type { View } from '../../api/types'
import { Button, CopyButton, DropDown, Icon, IconButton, T, plain } from '../../components'
import { addressOf, isShown, nameProblem, pageOf, useEditViews, useHere, useOpenView, viewsQuery } from './views'
import css from './ViewsMenu.module.css'

export interface ViewsMenuProps {
  /** Views that many need, by name; a query each. */
  common: readonly (readonly [name: string, query: string])[]
}

/** ViewsMenu lists the reader's saved views, and saves what is shown now under a name. A view is a name for an address. */
export function ViewsMenu({ common }: ViewsMenuProps) {
  const { page, query } = useHere()
  return (
    <DropDown face={<>Views <Icon name="down" size={12} /></>} label="Views" look="small" width={380}>
      {(close) => (
        <div className={css.panel}>
          <Mine page={page} query={query} onDone={close} />
          <h3>For everybody</h3>
          <ul>
            {common.map(([name, q]) => (
              <One key={q} view={{ name, page, query: q }} here={{ page, query }} onDone={close} />
            ))}
          </ul>
          <p className={css.link}>
            <CopyButton text={location.href} label="Copy the link to this view">
              Copy the link to what is shown
            </CopyButton>
          </p>
        </div>
      )}
    </DropDown>
  )
}

interface Here {
  page: string
  query: string
}

function Mine({ page, query, onDone }: Here & { onDone: () => void }) {
  const views = useQuery(viewsQuery)
  const mine = views.data?.items ?? []
  const edit = useEditViews()
  const [renamed, setRenamed] = useState<string>()
  return (
    <>
      <h3>Mine</h3>
      {views.error && <p className="muted">Your views cannot be read now.</p>}
      {views.data && mine.length === 0 && <p className="muted">None yet. Choose a filter, an order and columns, then save them under a name.</p>}
      <ul>
        {mine.map((v) =>
          renamed === v.name ? (
            <li key={v.name}>
              <NameForm
                start={v.name ?? ''}
                word="Rename"
                onCancel={() => setRenamed(undefined)}
                onName={(name) => {
                  setRenamed(undefined)
                  if (name !== v.name) edit.rename.mutate({ view: v, name })
                }}
              />
            </li>
          ) : (
            <One key={v.name} view={v} here={{ page, query }} onDone={onDone}>
              <IconButton small label={`Rename ${plain(v.name)}`} onClick={() => setRenamed(v.name)}>
                <Icon name="edit" size={14} />
              </IconButton>
              <IconButton small label={`Delete ${plain(v.name)}`} onClick={() => edit.drop.mutate(v)}>
                <Icon name="x" size={14} />
              </IconButton>
            </One>
          ),
        )}
      </ul>
      <NameForm start="" word="Save what is shown" known={mine.map((v) => v.name ?? '')} onName={(name) => edit.save.mutate({ name, page, query })} />
    </>
  )
}

function One({ view, here, onDone, children }: { view: View; here: Here; onDone: () => void; children?: React.ReactNode }) {
  const open = useOpenView()
  const on = isShown(view, here.page, here.query)
  return (
    <li className={css.one} data-on={on || undefined}>
      <button
        type="button"
        className={css.view}
        aria-current={on || undefined}
        onClick={() => {
          onDone()
          open(view)
        }}
      >
        <span className="cut">
          <T>{view.name}</T>
        </span>
        <code className="cut" title={plain(addressOf(view))}>
          <T>{(pageOf(view) === here.page ? '' : pageOf(view) + ' ') + words(view.query)}</T>
        </code>
      </button>
      {children}
    </li>
  )
}

/** words is a query for people: its values, the filter first. */
export function words(query: string): string {
  const all = [...new URLSearchParams(query)].sort(([a], [b]) => (a === 'filter' ? -1 : b === 'filter' ? 1 : 0))
  return all.map(([k, v]) => (k === 'filter' ? v : `${k}=${v}`)).join(' ') || 'everything'
}

function NameForm({ start, word, known, onName, onCancel }: { start: string; word: string; known?: string[]; onName: (name: string) => void; onCancel?: () => void }) {
  const [name, setName] = useState(start)
  const trimmed = name.trim()
  const again = known?.includes(trimmed) ?? false
  const submit = (e: FormEvent) => {
    e.preventDefault()
    if (nameProblem(trimmed) !== '') return
    onName(trimmed)
    setName('')
  }
  return (
    <form className={css.form} onSubmit={submit}>
      <input value={name} onChange={(e) => setName(e.target.value)} aria-label="Name of the view" placeholder="a name" maxLength={100} autoComplete="off" spellCheck={false} />
      <Button small type="submit" denied={trimmed === '' ? 'a view needs a name' : nameProblem(trimmed) || undefined}>
        {again ? 'Replace it' : word}
      </Button>
      {onCancel && (
        <Button small kind="quiet" onClick={onCancel}>
          Cancel
        </Button>
      )}
    </form>
  )
}

import { useEffect, useRef, useState, type KeyboardEvent } from 'react'
import type { Facets } from '../../api/types'
import { Button, Chip, CopyButton, Icon, Num, StateGlyph, STATES, T, plain } from '../../components'
import { useKeys } from '../../shell/keys'
import { chosen, clearFacet, join, terms, toggle, without } from './filter'
import css from './FilterBar.module.css'

export interface FilterBarProps {
  filter: string
  onChange: (filter: string) => void
  facets: Facets | undefined
}

/** useDraft splits the filter into what became chips and what is being typed; the address holds both. */
function useDraft(filter: string, onChange: (f: string) => void) {
  const split = (f: string) => {
    const all = terms(f)
    return { chips: all.filter((t) => t.facet !== '').map((t) => t.text), draft: all.filter((t) => t.facet === '').map((t) => t.text).join(' ') }
  }
  const [state, set] = useState(() => split(filter))
  const own = join([...state.chips, state.draft.trim()])
  const [seen, setSeen] = useState(filter)
  if (filter !== seen) {
    setSeen(filter)
    if (filter !== own) set(split(filter))
  }
  const put = (chips: string[], draft: string) => {
    set({ chips, draft })
    onChange(join([...chips, draft.trim()]))
  }
  return { ...state, put }
}

/** FilterBar is the text of the filter with its chips, and the facets with their counts. */
export function FilterBar({ filter, onChange, facets }: FilterBarProps) {
  const { chips, draft, put } = useDraft(filter, onChange)
  const input = useRef<HTMLInputElement>(null)
  useKeys({ '/': { run: () => input.current?.focus(), label: 'Filter' } }, 'Apps')

  const type = (text: string) => {
    const all = terms(text)
    // A term with a key becomes a chip when a space follows it.
    const ready = /\s$/.test(text) ? all.filter((t) => t.facet !== '') : []
    if (ready.length === 0) return put(chips, text)
    put([...chips, ...ready.map((t) => t.text)], all.filter((t) => t.facet === '').map((t) => t.text).join(' '))
  }
  const onKeyDown = (e: KeyboardEvent<HTMLInputElement>) => {
    if (e.key === 'Enter') type(draft + ' ')
    else if (e.key === 'Escape') input.current?.blur()
    else if (e.key === 'Backspace' && input.current?.selectionStart === 0 && input.current.selectionEnd === 0 && chips.length > 0) {
      e.preventDefault()
      put(chips.slice(0, -1), join([chips[chips.length - 1]!, draft]))
    }
  }
  return (
    <div className={css.bar}>
      <div className={css.field}>
        <Icon name="filter" />
        {chips.map((c, i) => (
          <Chip key={c + i} tone="accent" removeLabel={`Remove ${plain(c)}`} onRemove={() => put(chips.filter((_, j) => j !== i), draft)}>
            <T>{c}</T>
          </Chip>
        ))}
        <input
          ref={input}
          value={draft}
          aria-label="Filter the Apps"
          placeholder={chips.length > 0 ? '' : 'Filter: a name, or state:failed cluster:prod-* image:*:2.14.* since:<1h author:ana'}
          autoComplete="off"
          spellCheck={false}
          maxLength={2000}
          onChange={(e) => type(e.target.value)}
          onKeyDown={onKeyDown}
        />
        {filter !== '' && (
          <Button small kind="quiet" onClick={() => put([], '')}>
            Clear
          </Button>
        )}
      </div>
      <div className={css.facets} role="group" aria-label="Facets">
        <StateFacet filter={filter} onChange={onChange} facets={facets} />
        {facets?.facets.filter((f) => !hidden.has(f.key)).map((f) => <Facet key={f.key} facet={f} filter={filter} onChange={onChange} />)}
        <Views filter={filter} onChange={onChange} />
      </div>
    </div>
  )
}

const views: [string, string][] = [
  ['Needs attention', 'state:failed,degraded,drifted,unknown'],
  ['Waits for somebody', 'state:waiting'],
  ['Deploying now', 'state:deploying'],
  ['Deployed in the last hour', 'deployed:<1h'],
  ['Not deployed for 30 days', 'deployed:>30d'],
]

/** Views are filters that many need; any other is kept as its address. */
function Views({ filter, onChange }: { filter: string; onChange: (f: string) => void }) {
  const ref = useClosing()
  const choose = (f: string) => {
    if (ref.current) ref.current.open = false
    onChange(f)
  }
  return (
    // Esc closes, wherever in it the focus is.
    <details ref={ref} className={css.facet} onKeyDown={closeOnEscape}>
      <summary>
        Views <Icon name="down" size={12} />
      </summary>
      <div className={css.values}>
        {views.map(([name, f]) => (
          <button type="button" key={f} className={css.view} aria-pressed={f === filter} onClick={() => choose(f)}>
            {name}
            <code>{f}</code>
          </button>
        ))}
        <p className="muted">
          Filter, order and view are in the address: a bookmark or a link keeps them.
          <CopyButton text={location.href} label="Copy the link to this view">
            Copy the link
          </CopyButton>
        </p>
      </div>
    </details>
  )
}

function closeOnEscape(e: KeyboardEvent<HTMLDetailsElement>) {
  if (e.key !== 'Escape') return
  e.currentTarget.open = false
  e.currentTarget.querySelector('summary')?.focus()
}

/** useClosing is the ref of a details that closes when somebody goes elsewhere. */
function useClosing() {
  const ref = useRef<HTMLDetailsElement>(null)
  useEffect(() => {
    const away = (e: Event) => {
      if (ref.current?.open && !(e.target instanceof Node && ref.current.contains(e.target))) ref.current.open = false
    }
    document.addEventListener('pointerdown', away)
    document.addEventListener('focusin', away)
    return () => {
      document.removeEventListener('pointerdown', away)
      document.removeEventListener('focusin', away)
    }
  }, [])
  return ref
}

function StateFacet({ filter, onChange, facets }: FilterBarProps) {
  const on = chosen(filter, 'state')
  const counts = new Map(facets?.facets.find((f) => f.key === 'state')?.values.map((v) => [v.value.toLowerCase(), v.count]))
  return (
    <div className={css.states} role="group" aria-label="State">
      {STATES.map((s) => {
        const n = counts.get(s.toLowerCase()) ?? 0
        const pressed = on.has(s.toLowerCase())
        if (n === 0 && !pressed) return null
        return (
          <button type="button" key={s} aria-pressed={pressed} data-state={s} onClick={() => onChange(toggle(filter, 'state', s.toLowerCase()))}>
            <StateGlyph state={s} />
            <b>
              <Num n={n} />
            </b>
            <span>{s}</span>
          </button>
        )
      })}
    </div>
  )
}

// The state has buttons of its own; these labels are what the facets environment and component are made of.
const hidden = new Set(['state', 'label:plumb.cd/environment', 'label:environment', 'label:env', 'label:plumb.cd/component', 'label:app.kubernetes.io/name'])
const titles: Record<string, string> = { health: 'Health', sync: 'Sync', namespace: 'Namespace', cluster: 'Cluster', environment: 'Environment' }

function Facet({ facet, filter, onChange }: { facet: Facets['facets'][number]; filter: string; onChange: (f: string) => void }) {
  const ref = useClosing()
  const on = chosen(filter, facet.key)
  const name = titles[facet.key] ?? facet.key.replace(/^label:/, '')
  if (facet.values.length === 0) return null
  return (
    // Esc closes, wherever in it the focus is.
    <details ref={ref} className={css.facet} onKeyDown={closeOnEscape} data-on={on.size > 0 || undefined}>
      <summary>
        <T>{name}</T>
        {on.size > 0 && <b>{on.size}</b>}
        <Icon name="down" size={12} />
      </summary>
      <fieldset className={css.values}>
        <legend className="sr">{plain(name)}</legend>
        {facet.values.map((v) => (
          <label key={v.value}>
            <input type="checkbox" checked={on.has(v.value.toLowerCase())} onChange={() => onChange(toggle(filter, facet.key, v.value))} />
            <span className="cut">
              <T>{v.value}</T>
            </span>
            <span className="muted">
              <Num n={v.count} />
            </span>
          </label>
        ))}
        {facet.more ? <p className="muted">and {facet.more} more: type {plain(facet.key)}:…</p> : null}
        {on.size > 0 && (
          <Button small kind="quiet" onClick={() => onChange(clearFacet(filter, facet.key))}>
            Clear
          </Button>
        )}
      </fieldset>
    </details>
  )
}

/** withoutTerm is for the hint of an empty answer. */
export const withoutTerm = without

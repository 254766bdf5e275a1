import { memo, useEffect, useRef, useState, type KeyboardEvent, type ReactNode } from 'react'
import type { Facets } from '../../api/types'
import { Button, Chip, DropDown, Icon, Num, StateGlyph, STATES, T, plain } from '../../components'
import { useKeys } from '../../shell/keys'
import { chosen, clearFacet, join, terms, toggle } from './filter'
import css from './FilterBar.module.css'

export interface FilterBarProps {
  filter: string
  onChange: (filter: string) => void
  facets: Facets | undefined
  /** Facets that are not to be chosen here: the scope does. */
  hide?: readonly string[] | undefined
  /** What stands before the facets. */
  children?: ReactNode
}

/** How long the list waits for the next key. Whoever types faster costs one request, not one a key. */
export const PAUSE = 45

const split = (f: string) => {
  const all = terms(f)
  return { chips: all.filter((t) => t.facet !== '').map((t) => t.text), draft: all.filter((t) => t.facet === '').map((t) => t.text).join(' ') }
}

/**
 * useDraft splits the filter into what became chips and what is being typed. What it told comes back as `filter`, perhaps
 * after the next key; any other filter is somebody else's, and takes the place of what was typed.
 */
function useDraft(filter: string, onChange: (f: string) => void) {
  const [state, set] = useState(() => ({ ...split(filter), told: filter, others: 0 }))
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined)
  const [seen, setSeen] = useState(filter)
  if (filter !== seen) {
    setSeen(filter)
    if (filter !== state.told) set({ ...split(filter), told: filter, others: state.others + 1 })
  }
  useEffect(() => () => clearTimeout(timer.current), [state.others])
  const put = (chips: string[], draft: string, wait = 0) => {
    clearTimeout(timer.current)
    const told = join([...chips, draft.trim()])
    if (wait === 0) {
      set((s) => ({ ...s, chips, draft, told }))
      return onChange(told)
    }
    set((s) => ({ ...s, chips, draft }))
    timer.current = setTimeout(() => {
      set((s) => ({ ...s, told }))
      onChange(told)
    }, wait)
  }
  return { chips: state.chips, draft: state.draft, put }
}

/** FilterBar is the text of the filter with its chips, and the facets with their counts. */
export function FilterBar({ filter, onChange, facets, children, hide }: FilterBarProps) {
  return (
    <div className={css.bar}>
      <Field filter={filter} onChange={onChange} />
      <FacetRow filter={filter} onChange={onChange} facets={facets} hide={hide}>
        {children}
      </FacetRow>
    </div>
  )
}

/** Field alone is drawn at a key: what it filters follows when somebody pauses. */
const Field = memo(function Field({ filter, onChange }: { filter: string; onChange: (f: string) => void }) {
  const { chips, draft, put } = useDraft(filter, onChange)
  const input = useRef<HTMLInputElement>(null)
  useKeys({ '/': { run: () => input.current?.focus(), label: 'Filter' } }, 'Apps')

  const type = (text: string, wait = PAUSE) => {
    const all = terms(text)
    // A term with a key becomes a chip when a space follows it.
    const ready = /\s$/.test(text) ? all.filter((t) => t.facet !== '') : []
    if (ready.length === 0) return put(chips, text, wait)
    put([...chips, ...ready.map((t) => t.text)], all.filter((t) => t.facet === '').map((t) => t.text).join(' '))
  }
  const onKeyDown = (e: KeyboardEvent<HTMLInputElement>) => {
    if (e.key === 'Enter') type(draft + ' ', 0)
    else if (e.key === 'Escape') input.current?.blur()
    else if (e.key === 'Backspace' && input.current?.selectionStart === 0 && input.current.selectionEnd === 0 && chips.length > 0) {
      e.preventDefault()
      put(chips.slice(0, -1), join([chips[chips.length - 1]!, draft]))
    }
  }
  return (
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
      {(chips.length > 0 || draft !== '') && (
        <Button small kind="quiet" onClick={() => put([], '')}>
          Clear
        </Button>
      )}
    </div>
  )
})

const FacetRow = memo(function FacetRow({ filter, onChange, facets, children, hide }: FilterBarProps) {
  return (
    <div className={css.facets} role="group" aria-label="Facets">
      {children}
      <StateFacet filter={filter} onChange={onChange} facets={facets} />
      {facets?.facets.filter((f) => !hidden.has(f.key) && !hide?.includes(f.key)).map((f) => <Facet key={f.key} facet={f} filter={filter} onChange={onChange} />)}
    </div>
  )
})

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
export const hidden: ReadonlySet<string> = new Set(['state', 'label:plumb.cd/environment', 'label:environment', 'label:env', 'label:plumb.cd/component', 'label:app.kubernetes.io/name'])
const titles: Record<string, string> = { health: 'Health', sync: 'Sync', namespace: 'Namespace', source: 'Repository', cluster: 'Cluster', environment: 'Environment' }

function Facet({ facet, filter, onChange }: { facet: Facets['facets'][number]; filter: string; onChange: (f: string) => void }) {
  const on = chosen(filter, facet.key)
  const name = titles[facet.key] ?? facet.key.replace(/^label:(plumb\.cd\/)?/, '')
  if (facet.values.length === 0) return null
  return (
    <DropDown face={<><T>{name}</T>{on.size > 0 && <b>{on.size}</b>}<Icon name="down" size={12} /></>} label={plain(name)} look="small" on={on.size > 0}>
      {() => (
        <div className={css.values}>
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
        </div>
      )}
    </DropDown>
  )
}

import { useQuery } from '@tanstack/react-query'
import { useRef, type FormEvent } from 'react'
import { facetsQuery } from '../api/queries'
import { Button, DropDown, Icon, Num, T, plain } from '../components'
import { namesOf, scopeFilter, scopeWords, useScope, useSetScope, type Scope, type ScopeKey } from './scope'
import css from './ScopePicker.module.css'

/** ScopePicker chooses the namespaces and clusters that every page is about. It stands in the address. */
export function ScopePicker() {
  const scope = useScope()
  const set = useSetScope()
  const words = scopeWords(scope)
  const face = (
    <>
      <Icon name="filter" size={14} />
      <span className="cut">
        <span className="sr">Scope: </span>
        {words ? <T>{words}</T> : 'All Apps'}
      </span>
      <Icon name="down" size={12} />
    </>
  )
  return (
    <DropDown face={face} label="Scope" className={css.scope} look="bar" on={words !== ''} width={520} title={words ? `Only ${plain(words)}` : 'Every page is about all Apps that you may see'}>
      {() => (
        <div className={css.panel}>
          <Parts scope={scope} set={set} />
          <p className="spread">
            <span className="muted">For every page; it stands in the address.</span>
            {words !== '' && (
              <Button small onClick={() => set({ namespace: '', cluster: '' })}>
                All Apps
              </Button>
            )}
          </p>
        </div>
      )}
    </DropDown>
  )
}

function Parts({ scope, set }: { scope: Scope; set: (part: Scope) => void }) {
  // Each facet leaves its own terms out: the namespaces are those of the clusters that are chosen, and the other way round.
  const facets = useQuery(facetsQuery(scopeFilter(scope)))
  const of = (key: ScopeKey) => facets.data?.facets.find((f) => f.key === key)
  return (
    <div className={css.parts}>
      {(['namespace', 'cluster'] as const).map((key) => (
        <Part key={key} part={key} title={key === 'namespace' ? 'Namespaces' : 'Clusters'} chosen={namesOf(scope[key])} values={of(key)?.values ?? []} more={of(key)?.more ?? 0} onChange={(names) => set({ [key]: names.join(',') })} />
      ))}
    </div>
  )
}

interface PartProps {
  part: ScopeKey
  title: string
  chosen: string[]
  values: { value: string; count: number }[]
  more: number
  onChange: (names: string[]) => void
}

function Part({ part, title, chosen, values, more, onChange }: PartProps) {
  const has = (name: string) => chosen.some((c) => c.toLowerCase() === name.toLowerCase())
  const extra = chosen.filter((c) => !values.some((v) => v.value.toLowerCase() === c.toLowerCase()))
  const flip = (name: string) => onChange(has(name) ? chosen.filter((c) => c.toLowerCase() !== name.toLowerCase()) : [...chosen, name])
  const input = useRef<HTMLInputElement>(null)
  const add = (e: FormEvent) => {
    e.preventDefault()
    const text = input.current?.value.trim() ?? ''
    if (input.current) input.current.value = ''
    if (text !== '') onChange([...chosen, ...namesOf(text)])
  }
  return (
    <fieldset className={css.part}>
      <legend>{title}</legend>
      <form onSubmit={add}>
        <input ref={input} aria-label={`Another ${part}`} placeholder={`a ${part}, or prod-*`} maxLength={200} autoComplete="off" spellCheck={false} />
        <Button small type="submit">
          Add
        </Button>
      </form>
      <div className={css.values}>
        {[...extra.map((value) => ({ value, count: -1 })), ...values].map((v) => (
          <label key={v.value}>
            <input type="checkbox" checked={has(v.value)} onChange={() => flip(v.value)} />
            <span className="cut">
              <T>{v.value}</T>
            </span>
            <span className="muted">{v.count >= 0 && <Num n={v.count} />}</span>
          </label>
        ))}
      </div>
      {more > 0 && <p className="muted">and {more} more: type the name</p>}
    </fieldset>
  )
}

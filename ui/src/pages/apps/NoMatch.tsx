import type { EmptyHint } from '../../api/types'
import { Button, EmptyState, Num, T } from '../../components'
import { scopeFilter, scopeWords, useSetScope, SCOPE_KEYS, type Scope, type ScopeKey } from '../../shell/scope'
import { terms, without } from './filter'

export interface NoMatchProps {
  hint?: EmptyHint | undefined
  /** What was typed, without the scope. */
  filter: string
  scope: Scope
  onChange: (filter: string) => void
}

/** blamed is what can be taken away: a term of the filter, or the part of the scope that the server's hint is about. */
export function blamed(hint: EmptyHint, filter: string, scope: Scope): { term: string } | { part: ScopeKey } {
  if (terms(filter).some((t) => t.text.toLowerCase() === hint.term.toLowerCase())) return { term: hint.term }
  const part = SCOPE_KEYS.find((k) => scope[k] && hint.term.toLowerCase().startsWith(k + ':'))
  return part ? { part } : { term: hint.term }
}

/** NoMatch says why nothing is shown, by something that the reader can remove. */
export function NoMatch({ hint, filter, scope, onChange }: NoMatchProps) {
  const setScope = useSetScope()
  const scoped = scopeFilter(scope) !== ''
  const clear = (
    <p className="row" style={{ justifyContent: 'center' }}>
      {filter !== '' && <Button onClick={() => onChange('')}>Clear the filter</Button>}
      {scoped && <Button onClick={() => setScope({ namespace: '', cluster: '' })}>Look at all Apps</Button>}
    </p>
  )
  if (!hint || hint.without === 0)
    return (
      <EmptyState title="No App matches" icon="filter">
        {scoped && (
          <p>
            Only <T>{scopeWords(scope)}</T> is looked at, as the scope in the bar says.
          </p>
        )}
        {clear}
      </EmptyState>
    )
  const who = blamed(hint, filter, scope)
  const left = (
    <>
      <Num n={hint.without} /> {hint.without === 1 ? 'App matches' : 'Apps match'}
    </>
  )
  if ('part' in who)
    return (
      <EmptyState title="No App matches" icon="filter">
        <p>
          The scope in the bar is <T>{scopeWords({ [who.part]: scope[who.part] })}</T>. In any {who.part}, {left}.
        </p>
        <p>
          <Button onClick={() => setScope({ [who.part]: '' })}>Look at every {who.part}</Button>
        </p>
      </EmptyState>
    )
  return (
    <EmptyState title="No App matches" icon="filter">
      <p>
        <code>
          <T>{who.term}</T>
        </code>{' '}
        leaves nothing over: without it, {left}.
      </p>
      <p>
        <Button onClick={() => onChange(without(filter, who.term))}>
          Remove <T>{who.term}</T>
        </Button>
      </p>
    </EmptyState>
  )
}

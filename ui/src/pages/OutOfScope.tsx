import { Button, EmptyState, T } from '../components'
import { scopeWords, useScope, useSetScope, type ScopeKey } from '../shell/scope'

/** OutOfScope stands where the scope in the bar leaves nothing of a list over. */
export function OutOfScope({ title, part }: { title: string; part: ScopeKey }) {
  const scope = useScope()
  const set = useSetScope()
  return (
    <EmptyState title={title} icon="filter">
      <p>
        Only <T>{scopeWords({ [part]: scope[part] })}</T> is shown, as the scope in the bar says.
      </p>
      <p>
        <Button onClick={() => set({ [part]: '' })}>Look at every {part}</Button>
      </p>
    </EmptyState>
  )
}

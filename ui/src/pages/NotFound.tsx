import { Link } from '@tanstack/react-router'
import { EmptyState } from '../components'
import { Page } from '../shell/Page'

/** NotFound is for addresses that lead nowhere. */
export function NotFound() {
  return (
    <Page title="Nothing here" bare>
      <EmptyState title="Nothing here" icon="search">
        <p>
          No page has this address. <Link to="/">Go to the overview</Link>, or press <kbd>Ctrl</kbd> <kbd>K</kbd> to search.
        </p>
      </EmptyState>
    </Page>
  )
}

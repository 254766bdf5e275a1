import { EmptyState } from '../components'

/** NotOurs says of something that a controller made why Git has no word on it. */
export function NotOurs() {
  return <EmptyState title="A controller made this" icon="info"><p>Git says nothing about it itself: look at the object that it stems from.</p></EmptyState>
}

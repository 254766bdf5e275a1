import { problemOf } from '../api/client'
import { Button, Problem } from '../components'

/** Crash stands in for a page that broke: the frame around it stays. */
export function Crash({ error, reset }: { error: unknown; reset?: () => void }) {
  return (
    <div style={{ padding: 24, maxWidth: 760 }}>
      <Problem what="Showing this page" problem={problemOf(error)}>
        {reset && <Button onClick={reset}>Try again</Button>}
        <Button onClick={() => location.reload()}>Reload</Button>
      </Problem>
    </div>
  )
}

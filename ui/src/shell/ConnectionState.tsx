import { useEffect, useState } from 'react'
import { Banner, Button, exact, span } from '../components'
import { retryNow, useStatus } from '../live'
import css from './ConnectionState.module.css'

function useSeconds(): number {
  const [now, setNow] = useState(Date.now)
  useEffect(() => {
    const t = setInterval(() => !document.hidden && setNow(Date.now()), 1000)
    return () => clearInterval(t)
  }, [])
  return Math.max(now, Date.now())
}

const words = { connecting: 'connecting', live: 'live', down: 'no contact', out: 'signed out', idle: 'connecting' }

/** ConnectionState says whether what is shown is live. */
export function ConnectionState() {
  const status = useStatus()
  const title = status.kind === 'live' ? `Changes arrive by themselves. Last word from the server: ${exact(new Date(status.at).toISOString())}` : status.kind === 'down' ? status.message : 'Waiting for the server'
  return (
    <span className={css.pill} data-kind={status.kind} title={title}>
      <i aria-hidden="true" />
      {words[status.kind]}
    </span>
  )
}

/** ConnectionBanner stays over the page while the server is away: what is shown stays, with its age. */
export function ConnectionBanner() {
  const status = useStatus()
  if (status.kind !== 'down') return null
  return <Down since={status.since} retryAt={status.retryAt} message={status.message} />
}

function Down({ since, retryAt, message }: { since: number; retryAt: number; message: string }) {
  const now = useSeconds()
  if (now - since < 2500) return null // a restart of the server, a change of network: not worth a word
  const clock = new Date(since).toLocaleTimeString(undefined, { hour: '2-digit', minute: '2-digit' })
  return (
    <div className={css.banner}>
      <Banner tone="bad">
        <span className={css.words}>
          <span>
            {message} What you see is as of {clock}. Next try {retryAt > now ? `in ${span((retryAt - now) / 1000)}` : 'now'}.
          </span>
          <Button small onClick={retryNow}>
            Try now
          </Button>
        </span>
      </Banner>
    </div>
  )
}

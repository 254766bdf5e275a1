import { useQuery } from '@tanstack/react-query'
import { useEffect, useState, type FormEvent } from 'react'
import { get, post, problemOf } from '../api/client'
import { forgetSession, useSession } from '../api/session'
import type { ProblemBody, Ways } from '../api/types'
import { Banner, Button, Icon, Problem, Skeleton, T } from '../components'
import { Mark } from '../shell/Shell'
import css from './SignIn.module.css'

/** SignIn shows the ways to sign in. The address stays: after it, the page that was asked for is shown. */
export default function SignIn() {
  const { problem } = useSession()
  const ways = useQuery({ queryKey: ['signin'], queryFn: ({ signal }) => get<Ways>('signin', {}, signal), staleTime: 0, refetchInterval: (q) => (q.state.status === 'error' ? 60_000 : false) })
  useEffect(() => {
    document.title = 'Sign in – Plumb'
  }, [])
  return (
    <main className={css.page}>
      <div className={css.box}>
        <div className={css.brand}>
          <Mark size={40} />
          <div>
            <h1>Plumb</h1>
            <p className="muted">Git says what should run.</p>
          </div>
        </div>
        {problem && (
          <Banner tone="info" icon="info">
            <T>{problem.message}</T>
          </Banner>
        )}
        {ways.error ? (
          <Problem what="Asking how to sign in" problem={problemOf(ways.error)}>
            <Button small onClick={() => void ways.refetch()} busy={ways.isFetching}>
              Try again
            </Button>
          </Problem>
        ) : !ways.data ? (
          <Skeleton rows={2} height={32} />
        ) : (
          <Choices ways={ways.data} />
        )}
      </div>
      <p className={`muted ${css.foot}`}>
        On a machine of your own, <code>plumb ui</code> opens the console and signs you in.
      </p>
    </main>
  )
}

function Choices({ ways }: { ways: Ways }) {
  const oidc = ways.oidc ?? []
  const here = location.pathname + location.search
  return (
    <>
      {oidc.map((w) => (
        <div key={w.name} className="stack">
          {w.down ? (
            <Button denied={`${w.name} cannot be used now: ${w.down}`} className={css.way}>
              Sign in with <T>{w.name}</T>
            </Button>
          ) : (
            <a className={css.link} href={new URL(w.path.replace(/^\//, ''), document.baseURI) + '?return=' + encodeURIComponent(here)}>
              Sign in with <T>{w.name}</T>
              <Icon name="right" />
            </a>
          )}
          {w.down && (
            <p className={css.down}>
              <T>{w.name}</T> cannot be used now: <T>{w.down}</T>
            </p>
          )}
        </div>
      ))}
      {ways.token && <TokenForm alone={oidc.length === 0} />}
      {oidc.length === 0 && !ways.token && (
        <p>
          This server offers no way to sign in here. Its operator sets one: see <code>docs/operations.md</code>.
        </p>
      )}
    </>
  )
}

function TokenForm({ alone }: { alone: boolean }) {
  const [token, setToken] = useState('')
  const [problem, setProblem] = useState<ProblemBody>()
  const [busy, setBusy] = useState(false)
  const submit = (e: FormEvent) => {
    e.preventDefault()
    if (!token.trim()) return
    setBusy(true)
    setProblem(undefined)
    post('signin', { token: token.trim() }).then(
      () => forgetSession(),
      (err: unknown) => {
        setBusy(false)
        setProblem(problemOf(err))
      },
    )
  }
  return (
    <form onSubmit={submit} className={css.form} data-alone={alone || undefined}>
      <label htmlFor="token">Kubernetes token</label>
      <input id="token" type="password" autoComplete="off" spellCheck={false} value={token} onChange={(e) => setToken(e.target.value)} aria-describedby="token-how" aria-invalid={problem ? true : undefined} />
      <p id="token-how" className="muted">
        You may do what this account may do. Make one that lasts an hour with <code>kubectl create token NAME</code>.
      </p>
      {problem && <Problem what="Signing in" problem={problem} />}
      <Button kind={alone ? 'primary' : 'plain'} type="submit" busy={busy} className={css.way}>
        {busy ? 'Signing in …' : 'Sign in with the token'}
      </Button>
    </form>
  )
}

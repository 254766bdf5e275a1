import { useMutation, useQuery } from '@tanstack/react-query'
import { getRouteApi, Link } from '@tanstack/react-router'
import { useState, type ReactNode } from 'react'
import { enc, post, problemOf } from '../api/client'
import { canQuery, channelsQuery, versionQuery } from '../api/queries'
import { useSession } from '../api/session'
import type { Channel, ChannelTest } from '../api/types'
import { Ago, Button, Command, CopyButton, EmptyState, Icon, Problem, Skeleton, T, exact } from '../components'
import { useStatus } from '../live'
import { setAppearance, useAppearance } from '../shell/appearance'
import { Page } from '../shell/Page'
import { signOut } from '../shell/signOut'
import css from './Settings.module.css'

const route = getRouteApi('/settings')
const parts = [
  { id: 'appearance', label: 'Appearance' },
  { id: 'channels', label: 'Channels' },
  { id: 'me', label: 'Me and my rights' },
  { id: 'about', label: 'About' },
] as const

/** Settings are what this device keeps, where notifications go, who reads, and what runs. */
export default function Settings() {
  const { part = 'appearance' } = route.useSearch()
  return (
    <Page title="Settings">
      <div className={css.settings}>
        <nav aria-label="Settings" className={css.parts}>
          {parts.map((p) => (
            <Link key={p.id} to="/settings" search={{ part: p.id === 'appearance' ? undefined : p.id }} aria-current={p.id === part ? 'page' : undefined} data-on={p.id === part || undefined}>
              {p.label}
            </Link>
          ))}
        </nav>
        <div className={css.part}>{part === 'channels' ? <Channels /> : part === 'me' ? <MyRights /> : part === 'about' ? <About /> : <Looks />}</div>
      </div>
    </Page>
  )
}

function Choice<V extends string>({ label, value, of, onChange, hint }: { label: string; value: V; of: readonly (readonly [V, string])[]; onChange: (v: V) => void; hint?: string }) {
  return (
    <fieldset className={css.choice}>
      <legend>{label}</legend>
      {hint && <p className="muted">{hint}</p>}
      <div className={css.options}>
        {of.map(([v, word]) => (
          <label key={v}>
            <input type="radio" name={label} checked={v === value} onChange={() => onChange(v)} />
            {word}
          </label>
        ))}
      </div>
    </fieldset>
  )
}

function Check({ label, hint, on, onChange }: { label: string; hint: string; on: boolean; onChange: (on: boolean) => void }) {
  return (
    <label className={css.tick}>
      <input type="checkbox" checked={on} onChange={(e) => onChange(e.target.checked)} />
      <span>
        <b>{label}</b>
        <span className="muted">{hint}</span>
      </span>
    </label>
  )
}

function Looks() {
  const a = useAppearance()
  return (
    <section className={`card ${css.box}`} aria-labelledby="looks">
      <h2 id="looks">Appearance</h2>
      <p className="muted">Kept in this browser only.</p>
      <Choice label="Theme" value={a.theme} of={[['system', 'As the system'], ['light', 'Light'], ['dark', 'Dark']]} onChange={(theme) => setAppearance({ theme })} />
      <Choice label="Contrast" value={a.contrast} of={[['normal', 'Normal'], ['more', 'More']]} onChange={(contrast) => setAppearance({ contrast })} hint="The system's own wish for more contrast, and forced colours, are followed as well." />
      <Choice label="Rows" value={a.density} of={[['normal', 'Normal'], ['compact', 'Compact']]} onChange={(density) => setAppearance({ density })} />
      <Check label="Shapes in the fleet's cells" hint="States can be told apart without their colours, in small cells too." on={a.pattern} onChange={(pattern) => setAppearance({ pattern })} />
      <Check label="Single-key shortcuts" hint="j, k, / and the like. Switch them off where speech input or a screen reader needs the keys. Press ? for the list." on={a.keys} onChange={(keys) => setAppearance({ keys })} />
    </section>
  )
}

function Channels() {
  const q = useQuery(channelsQuery)
  const items = q.data?.items
  return (
    <>
      {q.error && <Problem what="Reading the channels" problem={problemOf(q.error)} />}
      {!items ? (
        !q.error && <Skeleton rows={4} height={30} />
      ) : items.length === 0 ? (
        <div className={`card ${css.box}`}>
          <EmptyState title="Nobody is told of anything yet" icon="bell">
            <p>A Channel says where news go: Slack, Microsoft Teams, e-mail, a signed webhook, or the commit’s status on the forge.</p>
            <Command text={EXAMPLE} />
          </EmptyState>
        </div>
      ) : (
        items.map((c) => <OneChannel key={`${c.namespace}/${c.name}`} channel={c} />)
      )}
    </>
  )
}

const EXAMPLE = `kubectl -n payments create secret generic chat-webhook \\
  --from-literal=url=https://hooks.slack.com/services/...
kubectl apply -f - <<'END'
apiVersion: plumb.cd/v1alpha1
kind: Channel
metadata: {name: chat, namespace: payments}
spec:
  type: Slack
  secretRef: {name: chat-webhook}
  events: [Deployed, Failed, Degraded, Recovered]
END`

function OneChannel({ channel: c }: { channel: Channel }) {
  const test = useMutation({ mutationFn: () => post<ChannelTest>(enc`channels/${c.namespace}/${c.name}/test`) })
  return (
    <section className={`card ${css.box}`} aria-label={c.name}>
      <div className="spread">
        <h2>
          <T>{c.name}</T> <span className="muted">{c.namespace}</span>
        </h2>
        <Button small onClick={() => test.mutate()} busy={test.isPending}>
          <Icon name="bell" size={14} /> {test.isPending ? 'Sending …' : 'Send a test'}
        </Button>
      </div>
      <dl className={css.facts}>
        <Fact name="Kind">{c.type}</Fact>
        <Fact name="To">
          <T>{c.target}</T>
        </Fact>
        <Fact name="Last sent">{c.sent ? <Ago at={c.sent} suffix=" ago" /> : 'nothing yet'}</Fact>
        <Fact name="Waiting">{c.waiting}</Fact>
      </dl>
      <div role="status">
        {test.data?.ok && (
          <p className={css.ok}>
            <Icon name="check" /> The test was sent.
          </p>
        )}
      </div>
      {test.data?.problem && <Problem what="Sending the test" problem={test.data.problem} />}
      {test.error && <Problem what="Sending the test" problem={problemOf(test.error)} />}
      {c.problem && !test.data && <Problem what={`Sending to ${c.name}`} problem={c.problem} />}
    </section>
  )
}

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  )
}

const VERBS: [string, string][] = [
  ['get', 'read'],
  ['sync', 'sync'],
  ['approve', 'approve a plan'],
  ['rollback', 'roll back'],
  ['hold', 'hold and resume'],
  ['suspend', 'suspend'],
  ['refresh', 'refresh'],
  ['cancel', 'cancel'],
  ['logs', 'read logs'],
]

function MyRights() {
  const { me } = useSession()
  const [typed, setTyped] = useState('')
  const [app, setApp] = useState('')
  const can = useQuery({ ...canQuery(app || undefined, VERBS.map(([v]) => v)), enabled: app !== '' })
  return (
    <section className={`card ${css.box}`} aria-labelledby="me">
      <div className="spread">
        <h2 id="me">Signed in as {me ? <T>{me.name}</T> : '…'}</h2>
        <Button small onClick={() => void signOut()}>
          Sign out
        </Button>
      </div>
      <dl className={css.facts}>
        <Fact name="Groups">
          <T>{me?.groups?.join(', ') || 'none'}</T>
        </Fact>
        {me?.expires && <Fact name="Until">{exact(me.expires)}</Fact>}
      </dl>
      <form
        className={css.ask}
        onSubmit={(e) => {
          e.preventDefault()
          setApp(typed.trim())
        }}
      >
        <label htmlFor="ask">What may I do with</label>
        <input id="ask" value={typed} onChange={(e) => setTyped(e.target.value)} placeholder="namespace/name of an App" pattern="[^/]+/[^/]+" autoComplete="off" spellCheck={false} />
        <Button type="submit">Ask</Button>
      </form>
      {can.error && <Problem what={`Asking about ${app}`} problem={problemOf(can.error)} />}
      {can.data && app && (
        <ul className={css.verbs} role="status">
          {VERBS.map(([v, word]) => {
            const yes = can.data.verbs[v]
            return (
              <li key={v} data-state={yes === undefined ? 'Unknown' : yes ? 'Synced' : 'Failed'}>
                <Icon name={yes === undefined ? 'help' : yes ? 'check' : 'x'} />
                {word}: {yes === undefined ? 'cannot tell now' : yes ? 'yes' : 'no'}
              </li>
            )
          })}
        </ul>
      )}
      <p className="muted">
        Rights are Kubernetes’ own: verbs such as <code>sync</code> and <code>approve</code> on <code>apps.plumb.cd</code>, given by Roles. The console shows what you may read, and explains what you may not do.
      </p>
    </section>
  )
}

function About() {
  const v = useQuery(versionQuery)
  const status = useStatus()
  const version = v.data?.version ?? '…'
  const report = `Plumb ${version}\nconsole at ${location.origin}\nstream ${status.kind}\n${navigator.userAgent}`
  return (
    <section className={`card ${css.box}`} aria-labelledby="about">
      <h2 id="about">About</h2>
      <dl className={css.facts}>
        <Fact name="Version">
          <T>{version}</T>
        </Fact>
        <Fact name="Connection">{status.kind === 'live' ? 'live' : status.kind}</Fact>
        <Fact name="Font">Inter, by its authors, under the SIL Open Font License 1.1</Fact>
      </dl>
      <p>
        <CopyButton text={report} label="Copy for a report">
          Copy for a report
        </CopyButton>
      </p>
    </section>
  )
}

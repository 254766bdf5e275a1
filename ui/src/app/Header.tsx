import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { Ago, Banner, Button, CommitRef, CopyButton, Icon, Kbd, StateBadge, T, capital, exact, known, plain, short, useNow, span } from '../components'
import { Menu, type MenuItem } from './Menu'
import { type App, whyQuery } from './queries'
import css from './header.module.css'
import { useDenial } from './rights'
import { Neighbours } from './Neighbours'
import { neighbours } from '../shell/trail'
import type { Wishes } from './wishes'
import { causes } from './whychain'
import { counted, formatID, isCommand, shortID } from './words'

export interface HeaderProps {
  app: App
  wishes: Wishes
  onWhy: (object: string) => void
  onPlan: () => void
  onRollback: () => void
  onHold: () => void
}

/** Header answers first: how the App is, since when, why, and what to do next. */
export function Header({ app, wishes, onWhy, onPlan, onRollback, onHold }: HeaderProps) {
  return (
    <header className={css.header} data-state={app.state}>
      <div className={css.top}>
        <div className={css.title}>
          <nav className={css.crumbs} aria-label="Place">
            <Link to="/apps" search={neighbours(app)?.search ?? {}}>Apps</Link>
            <span aria-hidden="true">/</span>
            <Link to="/apps" search={{ filter: `namespace:${app.namespace}` }}><T>{app.namespace}</T></Link>
            {app.cluster && <><span aria-hidden="true">·</span><Link to="/apps" search={{ filter: `cluster:${app.cluster}` }}><T>{app.cluster}</T></Link></>}
            <Neighbours namespace={app.namespace} name={app.name} />
          </nav>
          <div className={css.name}>
            <h1><T>{app.name}</T></h1>
            <StateBadge state={app.state} />
            <span className="muted">for <Ago at={app.since} /></span>
          </div>
        </div>
        <Actions {...{ app, wishes, onWhy, onPlan, onRollback, onHold }} />
      </div>
      {app.state === 'Paused' ? <Held app={app} wishes={wishes} /> : <Answer app={app} wishes={wishes} onWhy={onWhy} />}
      <Facts app={app} />
      <Notices app={app} />
    </header>
  )
}

function Answer({ app, wishes, onWhy }: Pick<HeaderProps, 'app' | 'wishes' | 'onWhy'>) {
  const b = app.blocking
  const calm = app.state === 'Synced'
  // The deepest cause that is known: the Pod that cannot start says more than the Deployment that waits for it.
  const why = useQuery({ ...whyQuery(app, 'app'), enabled: !calm })
  const cause = calm ? undefined : causes(why.data?.object?.children ?? [])[0]
  return (
    <div className={css.answer}>
      {app.progress ? <Progress app={app} wishes={wishes} onWhy={onWhy} /> : <p className={css.sentence}><T>{capital(app.message)}</T></p>}
      {!calm && !app.progress && b !== undefined && b.object.kind !== '' && (
        <p className={css.blocking}>
          <button type="button" className={css.link} onClick={() => onWhy(formatID(b.object))}><T>{shortID(formatID(b.object))}</T></button>
          {b.message && !app.message.includes(b.message) && <> – <T>{b.message}</T></>}
          {b.file && <span className="mono muted"> <T>{b.file}</T></span>}
        </p>
      )}
      {cause && <p className={css.cause} title={plain(cause)}><T>{cause}</T></p>}
      {!calm && <Next text={app.next} />}
    </div>
  )
}

/** Next is what can be done: a command to copy, or words. */
function Next({ text }: { text: string | undefined }) {
  if (!text) return null
  return <p className={css.next}><span>Next</span> {isCommand(text) ? <><code><T>{text}</T></code> <CopyButton text={text} label="Copy the command" /></> : <T>{capital(text)}</T>}</p>
}

/** Why the reader may not resume: what ends a hold takes that right, and what ends a suspension takes its own too. */
const noResume = (app: App, deny: ReturnType<typeof useDenial>) => app.reason === 'Suspended' ? deny('hold', 'suspend') : deny('hold')

/** Held says that Git is not followed, since when and by whom, and ends it. */
function Held({ app, wishes }: { app: App; wishes: Wishes }) {
  const deny = useDenial(app)
  return (
    <div className={css.answer}>
      <div className="spread">
        <p className={css.sentence}>Git is not followed. <T>{capital(app.message)}</T></p>
        <Button small denied={noResume(app, deny)} busy={wishes.busy === 'resume'} onClick={() => wishes.run('resume')}><Icon name="play" size={13} />Resume now</Button>
      </div>
      <Next text={app.next} />
    </div>
  )
}

function Facts({ app }: { app: App }) {
  const healthy = app.healthy
  const before = healthy?.revisions?.[0]?.commit
  return (
    <div className={css.facts}>
      {app.commit ? <CommitRef commit={app.commit} /> : app.revision && <span className="mono"><Icon name="commit" size={14} /> {short(app.revision)}</span>}
      {healthy && before && before !== app.revision && known(healthy.at) && (
        <span className="muted" title={exact(healthy.at)}>before: <span className="mono">{short(before)}</span>, healthy <Ago at={healthy.at} suffix=" ago" /></span>
      )}
      <span className={css.two}>
        <span><span className="muted">Sync</span> {app.sync}</span>
        <span><span className="muted">Health</span> {app.health}</span>
        <span><span className="muted">Objects</span> {app.counts.total}{app.counts.drifted > 0 ? `, ${app.counts.drifted} drifted` : ''}{app.counts.missing > 0 ? `, ${app.counts.missing} missing` : ''}</span>
        {app.images && app.images.length > 0 && <span className={css.images}><span className="muted">Runs</span> {app.images.map((i) => <code key={i}><T>{i}</T></code>)}</span>}
      </span>
    </div>
  )
}

function Progress({ app, wishes, onWhy }: Pick<HeaderProps, 'app' | 'wishes' | 'onWhy'>) {
  const p = app.progress!
  const deny = useDenial(app)
  const now = useNow()
  const first = p.waiting?.[0]
  const left = first && known(first.deadline) ? (Date.parse(first.deadline) - now) / 1000 : undefined
  return (
    <div className={css.progress} role="status">
      <div className={css.steps} aria-hidden="true">
        {Array.from({ length: Math.min(24, Math.max(1, p.groups)) }, (_, i) => <span key={i} data-done={i < p.group || undefined} data-now={i === p.group || undefined} />)}
      </div>
      <p>
        <strong>{p.phase}, wave {p.wave}</strong> <span className="muted">(step {Math.min(p.group + 1, p.groups)} of {p.groups})</span>
        {first && <> · waits for <button type="button" className={css.link} onClick={() => onWhy(formatID(first.object))}><T>{shortID(formatID(first.object))}</T></button> to be {first.for}{first.message && <>: <T>{first.message}</T></>}</>}
        {p.waiting && p.waiting.length > 1 && <span className="muted"> and {p.waiting.length - 1} more</span>}
        {left !== undefined && <span className="muted"> · {left > 0 ? `${span(left)} left` : 'its time is up'}</span>}
      </p>
      <Button small kind="danger" denied={deny('cancel')} busy={wishes.busy === 'cancel'} onClick={() => wishes.run('cancel')}><Icon name="stop" size={13} />Stop</Button>
    </div>
  )
}

function Notices({ app }: { app: App }) {
  return (
    <>
      {app.rolledBack && (
        <Banner tone="hold" icon="back">
          Rolled back <Ago at={app.rolledBack.at} suffix=" ago" />: <T>{app.rolledBack.message}</T>. It stays on the last healthy bundle until Git says something else.
        </Banner>
      )}
      {app.warnings && app.warnings.length > 0 && (
        <details className={css.warnings}>
          <summary>{counted(app.warnings.length, 'warning')}</summary>
          <ul>{app.warnings.map((w) => <li key={w}><T>{w}</T></li>)}</ul>
        </details>
      )}
    </>
  )
}

function Actions({ app, wishes, onWhy, onPlan, onRollback, onHold }: HeaderProps) {
  const deny = useDenial(app)
  const has = (a: string) => app.actions?.includes(a) ?? false
  const trouble = ['Failed', 'Degraded', 'Drifted', 'Unknown'].includes(app.state)
  const more: MenuItem[] = []
  const add = (when: boolean, item: MenuItem) => {
    if (when) more.push(item)
  }
  add(has('refresh') || trouble, { label: 'Refresh', icon: 'refresh', hint: 'Looks at Git now', denied: deny('refresh'), run: () => wishes.run('refresh') })
  add(has('hold'), { label: 'Hold on a revision…', icon: 'pause', hint: 'Visible, with an owner and an end', denied: deny('hold'), run: onHold })
  add(has('suspend'), { label: 'Suspend', icon: 'stop', hint: 'No new revision, no healing', denied: deny('suspend'), run: () => wishes.run('suspend') })
  add(has('cancel'), { label: 'Stop the attempt', icon: 'x', denied: deny('cancel'), danger: true, run: () => wishes.run('cancel') })
  return (
    <div className={css.actions}>
      <Button kind={trouble ? 'primary' : 'plain'} onClick={() => onWhy('app')}>Why<span className={css.key}><Kbd>w</Kbd></span></Button>
      {(has('sync') || has('plan')) && <Button kind={app.state === 'Waiting' ? 'primary' : 'plain'} onClick={onPlan}><Icon name="sync" size={15} />{app.reason === 'AwaitingApproval' ? 'Review & approve…' : 'Plan & sync'}</Button>}
      {has('rollback') && <Button denied={deny('rollback') && deny('hold') ? deny('rollback') : ''} onClick={onRollback}><Icon name="back" size={15} />Roll back…</Button>}
      {has('resume') && app.state !== 'Paused' && <Button denied={noResume(app, deny)} busy={wishes.busy === 'resume'} onClick={() => wishes.run('resume')}><Icon name="play" size={14} />Resume</Button>}
      <Menu label="More actions" items={more} />
    </div>
  )
}

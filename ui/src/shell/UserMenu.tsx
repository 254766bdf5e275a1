import { Link } from '@tanstack/react-router'
import { useEffect, useRef } from 'react'
import { Button, Icon, T, exact } from '../components'
import { useSession } from '../api/session'
import { signOut } from './signOut'
import css from './UserMenu.module.css'

/** UserMenu says who reads, and signs out. */
export function UserMenu() {
  const { me } = useSession()
  const ref = useRef<HTMLDetailsElement>(null)
  useEffect(() => {
    const away = (e: Event) => {
      if (ref.current?.open && !(e.target instanceof Node && ref.current.contains(e.target))) ref.current.open = false
    }
    const escape = (e: KeyboardEvent) => {
      if (e.key !== 'Escape' || !ref.current?.open) return
      ref.current.open = false
      ref.current.querySelector('summary')?.focus()
    }
    document.addEventListener('pointerdown', away)
    document.addEventListener('keydown', escape)
    return () => {
      document.removeEventListener('pointerdown', away)
      document.removeEventListener('keydown', escape)
    }
  }, [])
  if (!me) return null
  return (
    <details ref={ref} className={css.menu}>
      <summary title={me.name} aria-label={`Signed in as ${me.name}`}>
        <Icon name="user" />
      </summary>
      <div className={css.panel}>
        <strong>
          <T>{me.name}</T>
        </strong>
        {me.groups && me.groups.length > 0 && (
          <p className="muted">
            Groups: <T>{me.groups.join(', ')}</T>
          </p>
        )}
        {me.expires && <p className="muted">Signed in until {exact(me.expires)}</p>}
        <div className="row">
          <Link to="/settings" search={{ part: 'me' }} onClick={() => ref.current && (ref.current.open = false)}>
            What may I do?
          </Link>
          <Button small onClick={() => void signOut()}>
            Sign out
          </Button>
        </div>
      </div>
    </details>
  )
}

import { Link } from '@tanstack/react-router'
import { Button, DropDown, Icon, T, exact } from '../components'
import { useSession } from '../api/session'
import { signOut } from './signOut'
import css from './UserMenu.module.css'

/** UserMenu says who reads, and signs out. */
export function UserMenu() {
  const { me } = useSession()
  if (!me) return null
  return (
    <DropDown face={<Icon name="user" />} label={`Signed in as ${me.name}`} mute title={me.name} look="round" side="end" width={300}>
      {(close) => (
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
            <Link to="/settings" search={{ part: 'me' }} onClick={close}>
              What may I do?
            </Link>
            <Button small onClick={() => void signOut()}>
              Sign out
            </Button>
          </div>
        </div>
      )}
    </DropDown>
  )
}

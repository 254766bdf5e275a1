import { useNavigate } from '@tanstack/react-router'
import { Icon, IconButton } from '../components'
import { useKeys } from '../shell/keys'
import { neighbours } from '../shell/trail'
import css from './header.module.css'
import { usePlace } from './url'

/** Neighbours goes through the list that somebody came from, App by App, on the same tab. */
export function Neighbours({ namespace, name }: { namespace: string; name: string }) {
  const { place } = usePlace()
  const navigate = useNavigate()
  const near = neighbours({ namespace, name })
  const to = (app: { namespace: string; name: string } | undefined) => () =>
    app && void navigate({ to: '/a/$namespace/$name', params: { namespace: app.namespace, name: app.name }, search: place.tab === 'graph' ? {} : { tab: place.tab }, replace: true })
  useKeys({ '[': { run: to(near?.before), label: 'Previous App of the list' }, ']': { run: to(near?.after), label: 'Next App of the list' } }, 'App page')
  if (!near) return null
  return (
    <span className={css.near}>
      <IconButton small label="Previous App of the list ([)" denied={near.before ? undefined : 'it is the first'} onClick={to(near.before)}><Icon name="left" size={14} /></IconButton>
      <span className="tnum">{near.at} of {near.of}</span>
      <IconButton small label="Next App of the list (])" denied={near.after ? undefined : 'it is the last that was shown'} onClick={to(near.after)}><Icon name="right" size={14} /></IconButton>
    </span>
  )
}

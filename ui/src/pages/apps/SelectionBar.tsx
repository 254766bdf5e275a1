import { useNavigate } from '@tanstack/react-router'
import { useState } from 'react'
import { enc, post, problemOf } from '../../api/client'
import type { Accepted, AppRow } from '../../api/types'
import { Button, Icon, Kbd } from '../../components'
import { useKeys } from '../../shell/keys'
import { toast } from '../../shell/toast'
import css from './Apps.module.css'

/** SelectionBar is what can be done with the selected Apps at once: plan and sync, refresh. */
export function SelectionBar({ selected, onClear }: { selected: ReadonlyMap<string, AppRow>; onClear: () => void }) {
  const navigate = useNavigate()
  const [busy, setBusy] = useState(false)
  const plan = () => void navigate({ to: '/plan', search: { apps: [...selected.keys()].join(',') } })
  const refresh = async () => {
    setBusy(true)
    const results = await Promise.allSettled([...selected.values()].map((r) => post<Accepted>(enc`apps/${r.namespace}/${r.name}/refresh`)))
    setBusy(false)
    const bad = results.filter((r) => r.status === 'rejected')
    if (bad.length > 0) toast('bad', `${bad.length} of ${results.length} Apps could not be refreshed`, problemOf(bad[0]!.reason).message)
    else toast('good', `${results.length} ${results.length === 1 ? 'App is' : 'Apps are'} looked at anew`)
  }
  useKeys(
    {
      s: { run: () => selected.size > 0 && plan(), label: 'Plan and sync what is selected' },
      Escape: () => selected.size > 0 && onClear(),
    },
    'Apps',
  )
  if (selected.size === 0) return null
  return (
    <div className={css.selection} role="region" aria-label="Selected Apps">
      <b>{selected.size} selected</b>
      <Button kind="primary" onClick={plan}>
        <Icon name="sync" /> Plan and sync … <Kbd>s</Kbd>
      </Button>
      <Button onClick={() => void refresh()} busy={busy}>
        <Icon name="refresh" /> Refresh
      </Button>
      <Button kind="quiet" onClick={onClear}>
        Clear
      </Button>
    </div>
  )
}

import { useQuery } from '@tanstack/react-query'
import { useMemo, useRef } from 'react'
import { problemOf } from '../api/client'
import { Banner, CopyButton, Problem, Skeleton } from '../components'
import { NotOurs } from './NotOurs'
import { useFill } from './fill'
import { YamlBox } from './Lines'
import { manifestQuery } from './queries'
import { Choice } from './Choice'
import css from './parts.module.css'
import { usePlace } from './url'
import { counted } from './words'

/** Yaml is one object as YAML, as it is in the cluster or as Git has it. */
export default function Yaml({ object }: { object: string }) {
  const { place, go } = usePlace()
  const side = place.search.side === 'git' || place.search.side === 'applied' ? place.search.side : 'live'
  const m = useQuery(manifestQuery(place, object, side))
  const lines = useMemo(() => m.data?.yaml.replace(/\n$/, '').split('\n') ?? [], [m.data])
  const box = useRef<HTMLDivElement>(null)
  const height = useFill(box, 60)
  return (
    <div className={css.stack}>
      <div className="spread">
        <Choice label="Which side" value={side} options={[['live', 'Live'], ['applied', 'Applied'], ['git', 'Git']]} onChange={(v) => go({ search: { side: v === 'live' ? undefined : v } }, 'replace')} />
        <span className="row">
          {m.data && <span className="muted">{counted(lines.length, 'line')}</span>}
          {m.data && <CopyButton text={m.data.yaml} label="Copy the YAML">Copy</CopyButton>}
        </span>
      </div>
      {m.error && problemOf(m.error).reason === 'NotOwned' && <NotOurs />}
      {m.error && problemOf(m.error).reason !== 'NotOwned' && <Problem what="Reading the object" problem={problemOf(m.error)} />}
      {!m.data && !m.error && <Skeleton rows={12} height={16} />}
      {m.data?.cut && <Banner tone="info" icon="info">It is larger than 1 MiB: the rest is left out.</Banner>}
      <div ref={box}>{m.data && <YamlBox lines={lines} label="YAML of the object" height={Math.min(height, lines.length * 20 + 18)} />}</div>
    </div>
  )
}

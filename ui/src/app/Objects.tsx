import { useQuery } from '@tanstack/react-query'
import { useCallback, useDeferredValue, useMemo, useRef, useState } from 'react'
import { problemOf } from '../api/client'
import { Ago, Button, EmptyState, Icon, Problem, Skeleton } from '../components'
import { useMedia } from './Drawer'
import { shape } from './forest'
import { Graph } from './Graph'
import { useFill } from './fill'
import { type App, graphQuery } from './queries'
import css from './objects.module.css'
import { TreeList } from './TreeList'
import type { Node } from './types'
import { type Place, usePlace } from './url'
import { counted, isCalm } from './words'

/** Up to this many nodes everything is open from the start. */
const openAll = 60

/** Objects is the App's forest, as a graph or as rows. */
export function Objects({ app, lens }: { app: App; lens: 'graph' | 'list' }) {
  const { place, go } = usePlace()
  const expand = useMemo(() => (place.search.open ?? '').split(',').filter(Boolean), [place.search.open])
  const calm = app.state === 'Synced' || app.state === 'Paused'
  const graph = useQuery(graphQuery(place, expand, calm ? 'calm' : 'busy'))
  const [toggled, setToggled] = useState<ReadonlyMap<string, boolean>>(new Map())
  const find = useDeferredValue(place.search.find ?? '')
  const nodes = graph.data?.nodes
  const shown = useMemo(() => (nodes === undefined ? [] : shape(nodes, { toggled, find, openAll })), [nodes, toggled, find])
  const area = useRef<HTMLDivElement>(null)
  const height = useFill(area)
  // A small screen shows the same forest as rows.
  const narrow = !useMedia('(min-width: 640px)')

  const onToggle = useCallback((id: string, open: boolean) => setToggled((old) => new Map(old).set(id, open)), [])
  const onOpen = useCallback((n: Node) => {
    // A fold opens in place; the address remembers it.
    if (n.folded) go({ search: { open: [...expand, n.id].join(',') } }, 'replace')
    else go({ object: n.id })
  }, [go, expand])

  if (graph.error && nodes === undefined) return <Problem what="Reading the objects" problem={problemOf(graph.error)}><Button small onClick={() => void graph.refetch()}>Try again</Button></Problem>
  if (nodes === undefined) return <Skeleton rows={7} height={40} label="Reading the objects" />
  if (nodes.length === 0) return <NoObjects app={app} />

  const label = `Objects of ${app.name}`
  const trees = { shown, label, selected: place.object, onOpen, onToggle }
  const folds = nodes.filter((n) => n.folded)
  return (
    <div className={css.objects}>
      <Tools nodes={nodes} total={graph.data!.total} asOf={graph.data!.asOf} place={place} found={shown.length}
        onFind={(text) => go({ search: { find: text } }, 'replace')}
        onAll={folds.length === 0 && !shown.some((s) => s.branch && !s.open) ? undefined : () => {
          setToggled(new Map(nodes.map((n) => [n.id, true])))
          if (folds.length > 0) go({ search: { open: [...expand, ...folds.map((n) => n.id)].join(',') } }, 'replace')
        }}
        onFew={expand.length === 0 && toggled.size === 0 ? undefined : () => {
          setToggled(new Map())
          go({ search: { open: undefined } }, 'replace')
        }} />
      {shown.length === 0 && <EmptyState title="Nothing matches" icon="search"><p>No object has all of these words. Try <code>kind:pod</code> or <code>state:degraded</code>.</p></EmptyState>}
      {shown.length > 0 && (lens === 'list' || narrow) && <TreeList {...trees} />}
      {shown.length > 0 && lens === 'graph' && !narrow && <div ref={area} style={{ height }}><Graph {...trees} /></div>}
    </div>
  )
}

interface ToolsProps {
  nodes: readonly Node[]
  total: number
  asOf: string
  place: Place
  found: number
  onFind: (text: string) => void
  onAll: (() => void) | undefined
  onFew: (() => void) | undefined
}

function Tools({ nodes, total, asOf, place, found, onFind, onAll, onFew }: ToolsProps) {
  const trouble = nodes.filter((n) => !isCalm(n)).length
  return (
    <div className={css.tools}>
      <label className={css.find}>
        <Icon name="search" size={14} />
        <span className="sr">Find an object by kind, state or name</span>
        <input id="find-object" type="search" placeholder="Find: web, kind:pod, state:degraded" value={place.search.find ?? ''} onChange={(e) => onFind(e.target.value)} autoComplete="off" spellCheck={false} />
      </label>
      <span className="muted" role="status">
        {place.search.find ? `${found} of ` : ''}{counted(total, 'object')}{trouble > 0 ? `, ${trouble} not healthy` : ''}
        <span className={css.asof}> · as of <Ago at={asOf} suffix=" ago" /></span>
      </span>
      <span className={css.right}>
        {onFew && <Button small kind="quiet" id="show-few" onClick={onFew}>Fold again</Button>}
        {onAll && <Button small id="show-all" onClick={onAll} title="Show all (Shift+F)"><Icon name="expand" size={14} />Show all</Button>}
      </span>
    </div>
  )
}

function NoObjects({ app }: { app: App }) {
  return (
    <EmptyState title="This App has no objects yet" icon="tree">
      <p>{app.state === 'Failed' ? 'Nothing was applied: the revision could not be rendered. Why tells the file and the line.' : 'Nothing was rendered or applied so far.'}</p>
    </EmptyState>
  )
}

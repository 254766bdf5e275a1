import { useQuery } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { useCallback, useDeferredValue, useMemo, useRef, useState } from 'react'
import { problemOf } from '../api/client'
import { Ago, Button, EmptyState, Icon, Problem, Skeleton, T, short } from '../components'
import { useMedia } from './Drawer'
import { shape } from './forest'
import { Graph, type TreeProps } from './Graph'
import { useFill } from './fill'
import { dependenciesOf, type Dependency, emptyWords, type LensID, lenses, objectsIn, regroup } from './lens'
import { type App, appStatesQuery, configQuery, graphQuery } from './queries'
import css from './objects.module.css'
import { TreeList } from './TreeList'
import type { Node } from './types'
import { oneOf, type Place, usePlace } from './url'
import { counted, isCalm, objectOf } from './words'
import { Choice } from './Choice'

/** Up to this many nodes everything is open from the start. */
const openAll = 60

/** Objects is the App's forest, as a graph or as rows, for one of four questions. */
export function Objects({ app, lens: as }: { app: App; lens: 'graph' | 'list' }) {
  const { place, go } = usePlace()
  const lens = oneOf(lenses, place.search.lens)
  const expand = useMemo(() => (lens === 'ownership' ? (place.search.open ?? '').split(',').filter(Boolean) : []), [lens, place.search.open])
  const calm = app.state === 'Synced' || app.state === 'Paused'
  const graph = useQuery(graphQuery(place, expand, calm ? 'calm' : 'busy', lens === 'ownership' ? '' : lens))
  const waitsFor = useDependencies(lens, place)
  const [toggled, setToggled] = useState<ReadonlyMap<string, boolean>>(new Map())
  const find = useDeferredValue(place.search.find ?? '')
  // The answer says what it is for: until the one for another lens is there, the one before stays.
  const nodes = useMemo(() => graph.data && regroup(graph.data.nodes, graph.data.lens, waitsFor), [graph.data, waitsFor])
  const shown = useMemo(() => (nodes === undefined ? [] : shape(nodes, { toggled, find, openAll })), [nodes, toggled, find])

  const onToggle = useCallback((id: string, open: boolean) => setToggled((old) => new Map(old).set(id, open)), [])
  const onOpen = useOpen(go, expand)

  if (graph.error && nodes === undefined) return <Problem what="Reading the objects" problem={problemOf(graph.error)}><Button small onClick={() => void graph.refetch()}>Try again</Button></Problem>
  if (nodes === undefined) return <Skeleton rows={7} height={40} label="Reading the objects" />
  if (nodes.length === 0 && lens === 'ownership') return <NoObjects app={app} />

  const folds = nodes.filter((n) => n.folded)
  const selected = shown.find((s) => objectOf(s.node) === place.object)?.id ?? ''
  return (
    <div className={css.objects}>
      <Tools nodes={nodes} total={lens === 'ownership' ? graph.data!.total : objectsIn(nodes)} asOf={graph.data!.asOf} place={place} lens={lens} found={shown.length}
        onFind={(text) => go({ search: { find: text } }, 'replace')}
        onLens={(l) => go({ search: { lens: l === 'ownership' ? undefined : l } })}
        onAll={folds.length === 0 && !shown.some((s) => s.branch && !s.open) ? undefined : () => {
          setToggled(new Map(nodes.map((n) => [n.id, true])))
          if (folds.length > 0) go({ search: { open: [...expand, ...folds.map((n) => n.id)].join(',') } }, 'replace')
        }}
        onFew={expand.length === 0 && toggled.size === 0 ? undefined : () => {
          setToggled(new Map())
          go({ search: { open: undefined } }, 'replace')
        }} />
      {nodes.length === 0 && <EmptyState title={emptyWords[lens].title} icon="tree"><p>{emptyWords[lens].text}</p></EmptyState>}
      {nodes.length > 0 && shown.length === 0 && <EmptyState title="Nothing matches" icon="search"><p>No object has all of these words. Try <code>kind:pod</code> or <code>state:degraded</code>.</p></EmptyState>}
      {shown.length > 0 && <Drawn as={as} shown={shown} label={`Objects of ${app.name}`} selected={selected} onOpen={onOpen} onToggle={onToggle} />}
    </div>
  )
}

/** Drawn is the graph, or the rows. A small screen shows the same forest as rows. */
function Drawn({ as, ...trees }: TreeProps & { as: 'graph' | 'list' }) {
  const area = useRef<HTMLDivElement>(null)
  const height = useFill(area)
  const narrow = !useMedia('(min-width: 640px)')
  if (as === 'list' || narrow) return <TreeList {...trees} />
  return <div ref={area} style={{ height }}><Graph {...trees} /></div>
}

/** What a click opens: an object beside the page, a fold in place (the address remembers it), an App on its own page. */
function useOpen(go: ReturnType<typeof usePlace>['go'], expand: readonly string[]): (n: Node) => void {
  const navigate = useNavigate()
  return useCallback((n: Node) => {
    const object = objectOf(n)
    if (n.folded) go({ search: { open: [...expand, n.id].join(',') } }, 'replace')
    else if (object !== undefined) go({ object })
    else if (n.kind === 'App' && n.namespace) void navigate({ to: '/a/$namespace/$name', params: { namespace: n.namespace, name: n.name } })
  }, [go, expand, navigate])
}

const nothing: readonly Dependency[] = []

/** What the App waits for, and how the Apps among it fare, where the reader may see them. */
function useDependencies(lens: LensID, place: Place): readonly Dependency[] {
  const config = useQuery({ ...configQuery(place), enabled: lens === 'dependency' })
  const list = useMemo(() => (lens === 'dependency' && config.data ? dependenciesOf(config.data.spec, place.namespace) : nothing), [lens, config.data, place.namespace])
  const apps = list.filter((d) => d.kind === 'App')
  const states = useQuery({ ...appStatesQuery(place, apps.map((d) => `${d.namespace}/${d.name}`)), enabled: apps.length > 0 })
  return useMemo(() => list.map((d) => ({ ...d, state: d.kind === 'App' ? states.data?.get(`${d.namespace}/${d.name}`) : undefined })), [list, states.data])
}

interface ToolsProps {
  nodes: readonly Node[]
  total: number
  asOf: string
  place: Place
  lens: LensID
  found: number
  onFind: (text: string) => void
  onLens: (lens: string) => void
  onAll: (() => void) | undefined
  onFew: (() => void) | undefined
}

function Tools({ nodes, total, asOf, place, lens, found, onFind, onLens, onAll, onFew }: ToolsProps) {
  const missing = objectsIn(nodes.filter((n) => n.health === 'Missing'))
  const trouble = objectsIn(nodes.filter((n) => !isCalm(n) && n.health !== 'Missing'))
  return (
    <div className={css.tools}>
      <Choice label="Show the objects by" value={lens} options={lenses.map((l) => [l.id, l.label, l.means] as const)} onChange={onLens} />
      <label className={css.find}>
        <Icon name="search" size={14} />
        <span className="sr">Find an object by kind, state or name</span>
        <input id="find-object" type="search" placeholder="Find: web, kind:pod, state:degraded" value={place.search.find ?? ''} onChange={(e) => onFind(e.target.value)} autoComplete="off" spellCheck={false} />
      </label>
      <span className="muted" role="status">
        {place.search.find ? `${found} of ` : ''}{counted(total, 'object')}{troubleWords(trouble, missing)}
        <span className={css.asof}> · as of <Ago at={asOf} suffix=" ago" /></span>
      </span>
      <span className={css.right}>
        {onFew && <Button small kind="quiet" id="show-few" onClick={onFew}>Fold again</Button>}
        {onAll && <Button small id="show-all" onClick={onAll} title="Show all (Shift+F)"><Icon name="expand" size={14} />Show all</Button>}
      </span>
    </div>
  )
}

/** troubleWords counts what is not as it should be: ", 4 not healthy, 2 not there". */
export function troubleWords(trouble: number, missing: number): string {
  return (trouble > 0 ? `, ${trouble} not healthy` : '') + (missing > 0 ? `, ${missing} not there` : '')
}

function NoObjects({ app }: { app: App }) {
  const { href } = usePlace()
  return (
    <EmptyState title="This App has no objects yet" icon="tree">
      <p>{app.state === 'Failed' ? 'Nothing was applied: the revision could not be rendered. Why tells the file and the line.' : 'Nothing was rendered or applied so far.'}</p>
      {app.commit?.sha && <p>Git has <code>{short(app.commit.sha)}</code>{app.commit.subject && <> “<T>{app.commit.subject}</T>”</>}. {app.state === 'Paused' ? 'It is looked at when the App is resumed.' : <>What it is made of stands in the <a href={href({ tab: 'config' })}>configuration</a>.</>}</p>}
    </EmptyState>
  )
}

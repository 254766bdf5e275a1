import { useQuery } from '@tanstack/react-query'
import { lazy, Suspense, useMemo, useState } from 'react'
import { problemOf } from '../api/client'
import { Button, Chip, CopyButton, Icon, Problem, Skeleton, T, plain } from '../components'
import { Choice } from './Choice'
import { Risk } from './Diff'
import { changedPart, classWords, group, loudCount, type NoiseGroup, noiseCount, valueText } from './diffgroups'
import css from './diff.module.css'
import { KindIcon } from './kinds'
import { diffLines, hunks } from './linediff'
import { HunkBox } from './Lines'
import { driftOf, liveSide } from './patch'
import { manifestQuery, objectDiffQuery } from './queries'
import type { FieldDiff, ObjectDiff } from './types'
import { usePlace } from './url'
import { counted, parseID } from './words'

const DiffActs = lazy(() => import('./DiffActs'))

interface DiffObjectProps {
  id: string
  diff: ObjectDiff
  sides: { left: string; right: string }
  open: boolean
  onToggle?: () => void
  /** Without a heading: the page around it names the object. */
  bare?: boolean
}

/** Sides that the server gives as YAML. */
const written = new Set(['git', 'applied', 'live'])

const actionWords: Record<string, string> = { added: 'is new', removed: 'goes', changed: 'changes' }

/** DiffObject is one object that differs: its fields, or its YAML. */
export function DiffObject({ id, diff, sides, open, onToggle, bare }: DiffObjectProps) {
  const [mode, setMode] = useState('fields')
  const o = parseID(diff.object)
  const both = written.has(sides.left) && written.has(sides.right) && sides.left !== sides.right
  return (
    <section id={id} tabIndex={-1} className={css.object} data-action={diff.action} aria-label={plain(`${o.kind} ${o.name} ${actionWords[diff.action] ?? diff.action}`)}>
      <header className={css.head}>
        {!bare && (
          <button type="button" className={css.fold} aria-expanded={open} onClick={onToggle}>
            <Icon name={open ? 'down' : 'right'} size={14} />
            <KindIcon kind={o.kind} />
            <span className={css.title}><T>{o.name}</T> <small><T>{[o.kind, o.namespace].filter(Boolean).join(' in ')}</T></small></span>
          </button>
        )}
        <span className={css.counts}>
          <Chip>{actionWords[diff.action] ?? diff.action}</Chip>
          <Risk risk={diff.risk} />
          {diff.action === 'changed' && <span className="muted">{counted(loudCount(diff), 'field')}{noiseCount(diff) > 0 && ` · ${noiseCount(diff)} set by others`}</span>}
        </span>
        {open && mode === 'fields' && driftOf(diff, sides).length > 0 && <PatchButton object={diff.object} />}
        {open && both && !diff.secret && <Choice label="How to show it" value={mode} options={[['fields', 'Fields'], ['yaml', 'YAML']]} onChange={setMode} />}
      </header>
      {open && (mode === 'yaml' ? <YamlDiff object={diff.object} sides={sides} /> : <Fields diff={diff} sides={sides} bare={bare} />)}
    </section>
  )
}

function PatchButton({ object }: { object: string }) {
  const { go } = usePlace()
  return <Button small kind="quiet" title="What others changed, as YAML for Git" onClick={() => go({ search: { act: 'patch', of: object } })}><Icon name="copy" size={13} />Copy as patch…</Button>
}

/** Acts is the dialog that the address names. Where the object stands twice, in the page and in the drawer, the drawer has it. */
function Acts({ diff, sides, bare }: { diff: ObjectDiff; sides: { left: string; right: string }; bare: boolean | undefined }) {
  const { place, go } = usePlace()
  const { act, of, field } = place.search
  if (act === undefined || of !== diff.object || (place.object === diff.object) !== (bare === true)) return null
  const close = () => go({ search: { act: undefined, of: undefined, field: undefined, every: undefined, by: undefined } }, 'replace')
  return <Suspense fallback={null}><DiffActs act={act} diff={diff} sides={sides} field={diff.fields.find((f) => f.path === field)} onClose={close} /></Suspense>
}

function Fields({ diff, sides, bare }: { diff: ObjectDiff; sides: { left: string; right: string }; bare: boolean | undefined }) {
  const { place, go } = usePlace()
  const [whole, setWhole] = useState(false)
  const all = useQuery({ ...objectDiffQuery(place, diff.object, sides.left, sides.right), enabled: whole })
  const now = all.data?.objects[0] ?? diff
  const { main, noise } = useMemo(() => group(now.fields ?? []), [now])
  const [most, setMost] = useState(60)
  const more = (now.more ?? 0) > 0 || now.summary
  const onIgnore = liveSide(sides) === undefined || diff.action !== 'changed' ? undefined : (path: string) => go({ search: { act: 'ignore', of: diff.object, field: path } })
  return (
    <div className={css.body}>
      {diff.secret && <p className={css.note}><Icon name="secrets" size={14} />A Secret: only which keys differ is shown. Values never leave the server.</p>}
      {main.length > 0 && <div className={css.fields}>{main.slice(0, most).map((f) => <Field key={f.path} f={f} secret={diff.secret} onIgnore={f.class === 'drift' ? onIgnore : undefined} />)}</div>}
      {main.length > most && <Button small onClick={() => setMost(most + 200)}>Show {Math.min(200, main.length - most)} more fields</Button>}
      {noise.map((n) => <Noise key={n.title} group={n} />)}
      {more && all.data === undefined && (
        <p className={css.note}>
          {now.summary ? <T>{now.summary}</T> : `${now.more} more fields`} <Button small busy={all.isFetching} onClick={() => setWhole(true)}>Show {now.summary ? 'them' : 'all'}</Button>
        </p>
      )}
      {all.error && <Problem what="Reading all fields" problem={problemOf(all.error)} />}
      <Acts diff={now} sides={sides} bare={bare} />
    </div>
  )
}

function Noise({ group: g }: { group: NoiseGroup }) {
  return (
    <details className={css.noise}>
      <summary><T>{g.title}</T></summary>
      <div className={css.fields}>{g.fields.map((f) => <Field key={f.path} f={f} />)}</div>
    </details>
  )
}

function Field({ f, secret, onIgnore }: { f: FieldDiff; secret?: boolean | undefined; onIgnore?: ((path: string) => void) | undefined }) {
  const words = classWords[f.class]
  const left = valueText(f.left)
  const right = valueText(f.right)
  const part = left !== undefined && right !== undefined && !left.includes('\n') && !right.includes('\n') ? changedPart(left, right) : undefined
  return (
    <div className={css.field} data-class={f.class}>
      <div className={css.path}>
        <Path path={f.path} />
        <span className={css.who}>
          {f.owner && <span title="the field manager: a tool, not a person"><T>{f.owner}</T></span>}
          {words && f.class !== 'ours' && <Chip tone={f.class === 'drift' ? 'warn' : 'accent'}><span title={words.means}>{words.word}</span></Chip>}
          {!words && <Chip><T>{f.class}</T></Chip>}
          {onIgnore && <Button small kind="quiet" title="Leave this field to others, by a rule of the App" onClick={() => onIgnore(f.path)}>Ignore…<span className="sr"> {plain(f.path)}</span></Button>}
          <CopyButton text={f.path} label={`Copy the path ${plain(f.path)}`} />
        </span>
      </div>
      {secret ? (
        <p className={css.value} data-sign=" ">{f.left === undefined ? 'the key is new' : f.right === undefined ? 'the key goes' : 'the value differs'}</p>
      ) : (
        <>
          {left !== undefined && <Value sign="−" text={left} part={part} />}
          {right !== undefined && <Value sign="+" text={right} part={part} />}
        </>
      )}
      {f.cut && <p className="muted">The value is longer than 4 KiB: the rest is left out.</p>}
    </div>
  )
}

function Path({ path }: { path: string }) {
  const at = path.lastIndexOf('.') > 0 && !path.endsWith(']') ? path.lastIndexOf('.') : path.search(/\.[^.]*\[[^\]]*\]$/)
  return <code className={css.code}><span className="muted"><T>{at > 0 ? path.slice(0, at) : ''}</T></span><T>{at > 0 ? path.slice(at) : path}</T></code>
}

function Value({ sign, text, part }: { sign: '−' | '+'; text: string; part: { head: number; tail: number } | undefined }) {
  const middle = part && text.slice(part.head, text.length - part.tail)
  const marked = part && middle !== undefined && middle !== '' && part.head + part.tail > 2
  return (
    <p className={css.value} data-sign={sign}>
      <b aria-hidden="true">{sign}</b>
      <span className="sr">{sign === '−' ? 'from ' : 'to '}</span>
      <span>
        {text === '' && <i className="muted">empty</i>}
        {marked ? <><T>{text.slice(0, part.head)}</T><mark><T>{middle}</T></mark><T>{text.slice(text.length - part.tail)}</T></> : <T>{text}</T>}
      </span>
    </p>
  )
}

function YamlDiff({ object, sides }: { object: string; sides: { left: string; right: string } }) {
  const { place } = usePlace()
  const left = useQuery(manifestQuery(place, object, sides.left))
  const right = useQuery(manifestQuery(place, object, sides.right))
  const [opened, setOpened] = useState<ReadonlySet<number>>(new Set())
  const rows = useMemo(() => {
    if (left.data === undefined || right.data === undefined) return undefined
    const lines = diffLines(left.data.yaml.split('\n'), right.data.yaml.split('\n'))
    const out = []
    let at = 0
    for (const h of hunks(lines)) {
      const n = 'gap' in h ? h.gap : 1
      if ('gap' in h && opened.has(h.at)) out.push(...lines.slice(at, at + n))
      else out.push(h)
      at += n
    }
    return out
  }, [left.data, right.data, opened])
  const error = left.error ?? right.error
  if (error) return <div className={css.body}><Problem what="Reading the YAML" problem={problemOf(error)} /></div>
  if (rows === undefined) return <Skeleton rows={8} height={16} />
  return (
    <div className={css.body}>
      <HunkBox rows={rows} label="YAML, line by line" onGap={(i) => {
        const r = rows[i]
        if (r && 'gap' in r) setOpened(new Set([...opened, r.at]))
      }} />
    </div>
  )
}

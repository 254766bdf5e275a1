import { useInfiniteQuery, useQuery } from '@tanstack/react-query'
import { problemOf } from '../api/client'
import { Button, CopyButton, Dialog, Problem, Skeleton, T } from '../components'
import { Choice } from './Choice'
import css from './diffacts.module.css'
import { YamlBox } from './Lines'
import { type Compared, ignoreLines, type IgnoreWish, patchOf, wouldIgnore } from './patch'
import { configQuery, diffQuery, manifestQuery, whyQuery } from './queries'
import type { FieldDiff, ObjectDiff } from './types'
import { usePlace } from './url'
import { counted, shortID } from './words'

interface Props {
  diff: ObjectDiff
  sides: Compared
  /** The field that the address names, where it differs. */
  field: FieldDiff | undefined
  act: string
  onClose: () => void
}

/** DiffActs is what can be done about drift in Git: a patch that adopts it, or a rule that leaves the field to others. */
export default function DiffActs({ diff, sides, field, act, onClose }: Props) {
  if (act === 'patch') return <PatchDialog diff={diff} sides={sides} onClose={onClose} />
  if (act === 'ignore' && field !== undefined) return <IgnoreDialog diff={diff} sides={sides} field={field} onClose={onClose} />
  return null
}

function PatchDialog({ diff, sides, onClose }: Omit<Props, 'field' | 'act'>) {
  const { place } = usePlace()
  const manifest = useQuery(manifestQuery(place, diff.object, 'live'))
  const why = useQuery(whyQuery(place, diff.object))
  // The server writes the keys of the object itself at the beginning of a line, and nothing else there.
  const apiVersion = /^apiVersion: (\S+)$/m.exec(manifest.data?.yaml ?? '')?.[1]
  const ready = apiVersion !== undefined && !why.isPending
  const patch = ready ? patchOf(diff, sides, apiVersion, why.data?.object?.file) : undefined
  return (
    <Dialog open onClose={onClose} width={720} title={<>What runs, as a patch for <T>{shortID(diff.object)}</T></>}
      footer={<><Button onClick={onClose}>Close</Button>{patch && <CopyButton text={patch.yaml} label="Copy the patch">Copy the patch</CopyButton>}</>}>
      <div className={css.stack}>
        <p>It takes into Git what others changed. Merge it into {why.data?.object?.file ? <code><T>{why.data.object.file}</T></code> : 'the file that the object comes from'}, or use it as a patch of an overlay.</p>
        {manifest.error && <Problem what="Reading the object" problem={problemOf(manifest.error)} />}
        {!patch && !manifest.error && <Skeleton rows={8} height={18} />}
        {patch && <YamlBox lines={patch.yaml.trimEnd().split('\n')} label="The patch" />}
        {patch && patch.left.length > 0 && <p className="muted">{counted(patch.left.length, 'field')} cannot be said by a patch, see its comments.</p>}
        {diff.more !== undefined && diff.more > 0 && <p className="muted">Only the fields that are shown are in it: show all of them first.</p>}
      </div>
    </Dialog>
  )
}

function IgnoreDialog({ diff, sides, field, onClose }: Omit<Props, 'field' | 'act'> & { field: FieldDiff }) {
  const { place, go } = usePlace()
  const config = useQuery(configQuery(place))
  const wish: IgnoreWish = {
    object: diff.object, path: field.path, owner: field.owner ?? '', every: place.search.every === 'true', by: place.search.by === 'manager' && field.owner ? 'manager' : 'field',
  }
  const rules = config.data?.spec.ignore
  const { spec, annotation, widened } = ignoreLines(wish, Array.isArray(rules) ? rules.length : 0)
  const set = (search: Record<string, string | undefined>) => go({ search }, 'replace')
  const kind = shortID(diff.object).split(' ')[0]!
  return (
    <Dialog open onClose={onClose} width={720} title="Leave this field to others" footer={<><Button onClick={onClose}>Close</Button><CopyButton text={spec} label="Copy the lines">Copy the lines</CopyButton></>}>
      <div className={css.stack}>
        <p className={css.what}><code><T>{field.path}</T></code> <span className="muted">of <T>{shortID(diff.object)}</T>{field.owner && <>, changed by <T>{field.owner}</T></>}</span></p>
        <div className={css.choices}>
          <Choice label="Of which objects" value={wish.every ? 'every' : 'one'} options={[['one', `This ${kind}`], ['every', `Every ${kind} of the App`]]} onChange={(v) => set({ every: v === 'every' ? 'true' : undefined })} />
          {field.owner && <Choice label="Which fields" value={wish.by} options={[['field', 'This field'], ['manager', `All that ${field.owner} owns`]]} onChange={(v) => set({ by: v === 'manager' ? 'manager' : undefined })} />}
        </div>
        <section>
          <div className="spread"><h3>Add to the App resource <T>{`${place.namespace}/${place.name}`}</T></h3></div>
          <YamlBox lines={spec.trimEnd().split('\n')} label="Lines for the App" />
          {widened && <p className="muted">The element takes several keys to tell apart; a rule knows one, so it means every element.</p>}
        </section>
        {annotation && (
          <details className={css.other}>
            <summary>Or say it in the object’s own manifest</summary>
            <div className={css.copied}><YamlBox lines={annotation.trimEnd().split('\n')} label="Lines for the manifest" /><CopyButton text={annotation} label="Copy the annotation" /></div>
          </details>
        )}
        <Preview wish={wish} sides={sides} />
      </div>
    </Dialog>
  )
}

/** Preview is what the rule would leave to others among what differs now. */
function Preview({ wish, sides }: { wish: IgnoreWish; sides: Compared }) {
  const { place } = usePlace()
  const q = useInfiniteQuery(diffQuery(place, { left: sides.left, right: sides.right }))
  const objects = q.data?.pages.flatMap((p) => p.objects)
  if (q.error) return <Problem what="Looking what it would ignore" problem={problemOf(q.error)} />
  if (objects === undefined) return <Skeleton rows={2} height={18} />
  const found = wouldIgnore(wish, objects)
  const fields = found.reduce((n, o) => n + o.paths.length, 0)
  return (
    <section aria-label="What it would ignore now" data-testid="ignored">
      <h3>It would ignore now: {counted(fields, 'field')} of {counted(found.length, 'object')}</h3>
      <ul className={css.found}>
        {found.slice(0, 20).map((o) => <li key={o.object}><T>{shortID(o.object)}</T> <span className="muted"><T>{o.paths.slice(0, 6).join(', ')}</T>{o.paths.length > 6 && `, and ${o.paths.length - 6} more`}</span></li>)}
      </ul>
      {found.length > 20 && <p className="muted">and {found.length - 20} more objects</p>}
      {q.hasNextPage && <p className="muted">Among the first {counted(objects.length, 'object')} that differ. <Button small busy={q.isFetchingNextPage} onClick={() => void q.fetchNextPage()}>Look at more</Button></p>}
      <p className="muted">What is ignored is no drift and no part of a plan. Later changes of {wish.by === 'field' ? 'the field' : 'this tool'} are left alone too.</p>
    </section>
  )
}

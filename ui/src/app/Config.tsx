import { useQuery } from '@tanstack/react-query'
import { problemOf } from '../api/client'
import { CopyButton, Problem, Skeleton, T } from '../components'
import css from './config.module.css'
import { YamlBox } from './Lines'
import parts from './parts.module.css'
import { type App, configQuery } from './queries'
import { specWords } from './specwords'
import { usePlace } from './url'

/** Config says in words what the App is told to do, and shows the resource itself. */
export default function Config({ app }: { app: App }) {
  const { place } = usePlace()
  const q = useQuery(configQuery(place))
  return (
    <div className={parts.stack}>
      {app.warnings && app.warnings.length > 0 && (
        <section className={css.fact} data-warn="true"><h2>Warnings</h2><ul>{app.warnings.map((w) => <li key={w}><T>{w}</T></li>)}</ul></section>
      )}
      {q.error && <Problem what="Reading the App resource" problem={problemOf(q.error)} />}
      {!q.data && !q.error && <Skeleton rows={7} height={30} />}
      {q.data && (
        <>
          <div className={css.facts}>
            {specWords(q.data.spec).map((f) => <section key={f.title} className={css.fact}><h2>{f.title}</h2><ul>{f.lines.map((l, i) => <li key={i}><T>{l}</T></li>)}</ul></section>)}
          </div>
          <section>
            <div className="spread"><h2>The resource</h2><CopyButton text={q.data.yaml} label="Copy the YAML">Copy</CopyButton></div>
            <YamlBox lines={q.data.yaml.replace(/\n$/, '').split('\n')} label="The App resource as YAML" />
          </section>
        </>
      )}
    </div>
  )
}

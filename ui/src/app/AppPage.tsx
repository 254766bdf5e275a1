import { useQuery } from '@tanstack/react-query'
import { getRouteApi } from '@tanstack/react-router'
import { problemOf } from '../api/client'
import { appQuery } from '../api/queries'
import { CommitRef, Problem, Skeleton, StateSentence } from '../components'
import { Page } from '../shell/Page'

const route = getRouteApi('/a/$namespace/$name')

/** AppPage is one App: /a/:namespace/:name. */
export default function AppPage() {
  const { namespace, name } = route.useParams()
  const app = useQuery(appQuery(namespace, name))
  return (
    <Page title={name} state={app.data?.state}>
      {app.error ? <Problem what={`Reading ${namespace}/${name}`} problem={problemOf(app.error)} /> : !app.data ? <Skeleton /> : (
        <>
          <StateSentence row={app.data} />
          <CommitRef commit={app.data.commit} />
        </>
      )}
    </Page>
  )
}

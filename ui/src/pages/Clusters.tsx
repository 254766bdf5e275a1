import { Page } from '../shell/Page'

export default function Clusters() {
  return <Page title="Clusters">…</Page>
}

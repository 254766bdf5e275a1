import { Page } from '../shell/Page'

export default function Search() {
  return <Page title="Search">…</Page>
}

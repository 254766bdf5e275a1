import { Page } from '../shell/Page'

export default function Changes() {
  return <Page title="Changes">…</Page>
}

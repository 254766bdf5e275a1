import { Page } from '../shell/Page'

export default function Later() {
  return <Page title="Later">…</Page>
}

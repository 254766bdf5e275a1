import { Page } from '../shell/Page'

export default function Settings() {
  return <Page title="Settings">…</Page>
}

import { Page } from '../shell/Page'

export default function Repositories() {
  return <Page title="Repositories">…</Page>
}

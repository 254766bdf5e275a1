import { Page } from '../shell/Page'

export default function Measures() {
  return <Page title="Measures">…</Page>
}

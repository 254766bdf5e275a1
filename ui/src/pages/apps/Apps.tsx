import { Page } from '../../shell/Page'

export default function Apps() {
  return <Page title="Apps">…</Page>
}

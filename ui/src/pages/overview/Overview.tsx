import { Page } from '../../shell/Page'

export default function Overview() {
  return <Page title="Overview">…</Page>
}

import { Page } from '../../shell/Page'

export default function BulkPlan() {
  return <Page title="BulkPlan">…</Page>
}

import type { App } from './queries'
export default function Rollback({ app }: { app: App; onClose: () => void }) { return <p>{app.name}</p> }

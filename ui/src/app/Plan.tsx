import type { App } from './queries'
export default function Plan({ app }: { app: App; onClose: () => void }) { return <p>{app.name}</p> }

import type { App } from './queries'
export default function Config({ app }: { app: App }) { return <p>{app.name}</p> }

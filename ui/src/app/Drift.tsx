import type { App } from './queries'
export default function Drift({ app }: { app: App }) { return <p>{app.name}</p> }

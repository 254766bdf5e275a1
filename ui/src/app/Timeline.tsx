import type { App } from './queries'
export default function Timeline({ app }: { app: App }) { return <p>{app.name}</p> }

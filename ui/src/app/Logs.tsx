import type { App } from './queries'
export default function Logs({ object, app }: { object: string; app: App }) { return <p>{object}{app.name}</p> }

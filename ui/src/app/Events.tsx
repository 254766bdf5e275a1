export default function Events({ object }: { object: string }) { return <p>{object}</p> }

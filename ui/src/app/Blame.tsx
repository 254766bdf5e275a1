export default function Blame({ object }: { object: string }) { return <p>{object}</p> }

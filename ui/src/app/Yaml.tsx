export default function Yaml({ object }: { object: string }) { return <p>{object}</p> }

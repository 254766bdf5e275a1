export default function Diff() { return null }
export function ObjectDiffTab({ object }: { object: string }) { return <p>{object}</p> }

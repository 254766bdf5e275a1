/** parseSearch reads an address's query: every value a string. */
export function parseSearch(query: string): Record<string, string> {
  return Object.fromEntries(new URLSearchParams(query))
}
/** writeSearch writes it, and leaves what is readable readable. */
export function writeSearch(search: Record<string, unknown>): string {
  const out = new URLSearchParams()
  for (const [k, v] of Object.entries(search)) if (v !== undefined && v !== null && v !== '') out.set(k, String(v))
  const s = out.toString().replace(/%3A/g, ':').replace(/%2C/g, ',').replace(/%2F/g, '/').replace(/%40/g, '@')
  return s ? '?' + s : ''
}

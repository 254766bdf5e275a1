const order = ['dev', 'development', 'test', 'qa', 'int', 'integration', 'stage', 'staging', 'preprod', 'pre-prod', 'prod', 'production']

function rank(environment: string): number {
  const e = environment.toLowerCase()
  const i = order.findIndex((o) => e === o || e.startsWith(o + '-'))
  return e === '' ? 99 : i < 0 ? 50 : i
}

/** byDelivery orders environments: what comes early in a delivery first, then those with other names, last ''. */
export function byDelivery(a: string, b: string): number {
  return rank(a) - rank(b) || a.localeCompare(b)
}

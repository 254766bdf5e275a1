/** How long a hold may last, for choosing. Seconds; 0: until somebody releases it. */
export const holdTimes = [
  { id: '1h', label: '1 hour', seconds: 3600 },
  { id: '4h', label: '4 hours', seconds: 4 * 3600 },
  { id: '1d', label: '1 day', seconds: 86_400 },
  { id: '7d', label: '7 days', seconds: 7 * 86_400 },
  { id: 'released', label: 'until somebody resumes it', seconds: 0 },
] as const

/** The end of a hold, RFC 3339; undefined: no end. */
export function until(id: string, now: number): string | undefined {
  const t = holdTimes.find((h) => h.id === id) ?? holdTimes[1]
  return t.seconds === 0 ? undefined : new Date(now + t.seconds * 1000).toISOString()
}

import { describe, expect, it } from 'vitest'
import { measures } from './Measured'

const none = { deployments: 1, failures: 0, failureRate: 0, leadTime: { n: 0 }, restore: { n: 0 }, drift: 0 } as Parameters<typeof measures>[0]

describe('the measures of an App', () => {
  it('leave out what there is no number for', () => expect(measures(none)).toEqual([['1 deployment', 'none failed']]))
  it('say each with its words', () =>
    expect(measures({ ...none, deployments: 8, failures: 2, failureRate: 0.25, leadTime: { n: 6, p50: 90, p90: 200 }, restore: { n: 2, p50: 60, p90: 60 }, drift: 3 } as typeof none).map((m) => m.join(' '))).toEqual([
      '8 deployments 2 failed (25 %)', expect.stringMatching(/from commit to healthy, median$/), expect.stringMatching(/to restore, median$/), '3 drifts',
    ]))
})

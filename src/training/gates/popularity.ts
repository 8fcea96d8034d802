// Is the model better than showing everyone what is popular? One that is not has learned nothing of anyone.
import type { GateResult } from '../../domain/gate-report.ts'
import type { GateMetric } from '../../domain/gate-settings.ts'
import { FALSE_REFUSALS_PER_FAMILY, intervalOf, meanTest, pairedTest } from './mean-test.ts'
import { figure, metricNames, range, signed, tooFew, users } from './wording.ts'

export interface OverPopularity {
  /** One value per user, the same users in the same order. */
  readonly model: ArrayLike<number>
  readonly popularity: ArrayLike<number>
  /** Whether the system file itself asks for what is popular first. */
  readonly leadsWithPopularity: boolean
}

/** An advantage that is worth having, as a share of popularity's mean. A model that has it is refused for one training in two hundred, whatever the number of users. */
const WORTHWHILE = 0.1

export function popularityGate(
  { model, popularity, leadsWithPopularity }: OverPopularity,
  { metric, usersMin }: { readonly metric: GateMetric; readonly usersMin: number },
): GateResult {
  const userCount = model.length
  const unjudged = (reason: string): GateResult => ({
    gate: 'popularity',
    verdict: 'notJudged',
    measured: [],
    userCount,
    reason,
  })
  if (leadsWithPopularity) return unjudged('the first placement asks for what is popular itself')
  if (userCount < usersMin) return unjudged(tooFew(userCount, usersMin))
  const test = pairedTest(model, popularity)
  const popular = meanTest(popularity).mean
  const interval = intervalOf(test)
  const highest = intervalOf(test, 1 - 2 * FALSE_REFUSALS_PER_FAMILY)[1]
  const isBetter = interval[0] > 0
  const isUseless = !isBetter && highest <= WORTHWHILE * popular
  const name = metricNames[metric]
  const found = `${name} ${signed(test.mean)} ${range(interval)} over popularity's ${figure(popular)}, ${users(userCount)}`
  const meaning = isBetter
    ? 'better'
    : isUseless
      ? 'no advantage worth having; was it trained on the right interactions?'
      : 'too few to tell an advantage'
  return {
    gate: 'popularity',
    verdict: isBetter ? 'passed' : isUseless ? 'failed' : 'notJudged',
    measured: [{ name: `${name} over popularity's`, value: test.mean, interval, count: userCount }],
    bound: 0,
    userCount,
    reason: `${found}: ${meaning}`,
  }
}

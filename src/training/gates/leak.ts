// Is the model too good to be true? A feature or a list that knows what happens next looks like a triumph on held-out data, and does nothing for visitors.
import type { GateResult } from '../../domain/gate-report.ts'
import type { GateMetric } from '../../domain/gate-settings.ts'
import type { PairedValues } from './accuracy.ts'
import { intervalOf, meanTest, pairedTest } from './mean-test.ts'
import { figure, metricNames, tooFew, users } from './wording.ts'

export interface LeakEvidence {
  /** One value per user of the model's own evaluation. */
  readonly model: ArrayLike<number>
  /** The baselines, of the same users. */
  readonly baselines: Readonly<Record<string, ArrayLike<number>>>
  /** Left out where nothing is in charge, or what is in charge shows what is popular. */
  readonly overChampion?: PairedValues
}

export interface LeakSettings {
  readonly level: number
  readonly jump: number
  readonly metric: GateMetric
  readonly usersMin: number
}

/** As sure as this before a triumph is called a leak. */
const CONFIDENCE = 0.99

export function leakGate({ model, baselines, overChampion }: LeakEvidence, settings: LeakSettings): GateResult {
  const { level, jump, metric, usersMin } = settings
  const userCount = model.length
  if (userCount < usersMin) {
    return { gate: 'leak', verdict: 'notJudged', measured: [], userCount, reason: tooFew(userCount, usersMin) }
  }
  const test = meanTest(model)
  const name = metricNames[metric]
  const suspicions: string[] = []
  if (intervalOf(test, CONFIDENCE)[0] >= level) suspicions.push(`${figure(level)} or more is not to be had`)
  const [baselineName, baseline] = bestOf(baselines)
  if (baseline && isJump(model, baseline, jump)) {
    suspicions.push(`more than ${jump} times the ${figure(meanTest(baseline).mean)} of ${baselineName}`)
  }
  if (overChampion && overChampion.champion.length >= usersMin) {
    const { candidate, champion } = overChampion
    if (isJump(candidate, champion, jump)) {
      suspicions.push(`more than ${jump} times the champion's ${figure(meanTest(champion).mean)}`)
    }
  }
  const found = `${name} ${figure(test.mean)}, ${users(userCount)}`
  return {
    gate: 'leak',
    verdict: suspicions.length > 0 ? 'failed' : 'passed',
    measured: [{ name, value: test.mean, interval: intervalOf(test), count: userCount }],
    bound: level,
    userCount,
    reason:
      suspicions.length > 0
        ? `${found}: too good to be true (${suspicions.join('; ')}). Look for a feature, a source or a generator that knows what is asked about`
        : `${found}: plausible beside ${baselineName ?? 'nothing'} and the champion`,
  }
}

const isJump = (values: ArrayLike<number>, reference: ArrayLike<number>, jump: number): boolean =>
  intervalOf(pairedTest(values, reference, jump), CONFIDENCE)[0] > 0

function bestOf(baselines: LeakEvidence['baselines']): readonly [string?, ArrayLike<number>?] {
  const entries = Object.entries(baselines)
  return entries.sort(([, a], [, b]) => meanTest(b).mean - meanTest(a).mean)[0] ?? []
}

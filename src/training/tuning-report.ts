// What a search found, and how much of it is luck.
import { comparePaired, type MeanInterval, meanOf, type PairedComparison } from '../lib/bootstrap.ts'
import type { GeneratorKind } from '../ports/candidate-generator.ts'
import type { UserMetric } from './evaluate.ts'
import { bestTrial, type Trial } from './tune.ts'

export interface TuningReport {
  /** A name of `training.candidates`, or `ranker`. */
  readonly target: string
  readonly kind: string
  /** Every setting of the best. */
  readonly options: GeneratorKind['options']
  readonly metric: string
  readonly trials: readonly Trial[]
  /** On the validation part, where the best was chosen: it flatters the best. */
  readonly validation: { readonly present: number; readonly best: number }
  /** On newer interactions, which no trial has seen; left out where the present settings are the best, or nobody is there to ask. */
  readonly confirmation?: Confirmation
}

export interface Confirmation {
  readonly present: number
  readonly best: number
  /** Best minus present, user by user. */
  readonly gain: PairedComparison
  /** Gain on the validation part minus gain on this one: what choosing the best of many made of chance. */
  readonly overestimate: number
}

/** @param found `confirmation`: the metric of the same users under both settings */
export function tuningReport(found: {
  readonly target: string
  readonly kind: string
  readonly options: GeneratorKind['options']
  readonly trials: readonly Trial[]
  readonly metric: UserMetric
  readonly k: number
  readonly seed: number
  readonly confirmation?: { readonly present: Float64Array; readonly best: Float64Array }
}): TuningReport {
  const { target, kind, options, trials, metric, k, seed, confirmation } = found
  const validation = { present: trials[0]!.value, best: bestTrial(trials)!.value }
  const gain =
    confirmation && comparePaired({ challenger: confirmation.best, champion: confirmation.present }, { seed })
  return {
    target,
    kind,
    options,
    metric: `${metric}@${k}`,
    trials,
    validation,
    ...(confirmation &&
      gain && {
        confirmation: {
          present: meanOf(confirmation.present),
          best: meanOf(confirmation.best),
          gain,
          overestimate: validation.best - validation.present - gain.mean,
        },
      }),
  }
}

/** One line for people. */
export const describeTrial = ({ number, budget, value, seconds, parameters }: Trial): string =>
  `trial ${number + 1}${budget < 1 ? ` (${userShare(budget)})` : ''}  ${shown(value)}  ${seconds.toFixed(1)} s  ${JSON.stringify(parameters)}`

/** A budget below 1, in words. */
export const userShare = (budget: number): string => `${(budget * 100).toFixed(0)} % of the users`

/** The report as lines for people, with what to write into the system file. */
export function describeTuning(report: TuningReport): readonly string[] {
  const { target, metric, trials, validation, confirmation } = report
  const lines = [
    `${target}: ${trials.length} trials; ${metric} on the validation part ${shown(validation.present)} as it is, ${shown(validation.best)} at best`,
  ]
  if (validation.best === validation.present) return [...lines, 'No trial was better than the present settings.']
  if (!confirmation)
    return [...lines, 'Nobody chose anything new in the part that would confirm it.', ...snippet(report)]
  const { present, best, gain, overestimate } = confirmation
  return [
    ...lines,
    `on newer interactions, which no trial has seen: ${shown(present)} as it is, ${shown(best)} with the best; gain ${interval(gain)}, p ${gain.pValue.toPrecision(2)}, ${gain.count} users`,
    `of the validation part's gain of ${shown(validation.best - validation.present)}, ${shown(overestimate)} was not found again`,
    verdict(gain),
    ...snippet(report),
  ]
}

function verdict({ interval: [low, high] }: PairedComparison): string {
  if (low > 0) return 'The best is better than the present settings.'
  return high < 0
    ? 'The best is worse than the present settings on newer data: keep those.'
    : 'The difference may be chance: there is no need to change anything.'
}

function snippet({ target, kind, options }: TuningReport): readonly string[] {
  const settings = Object.entries(options).map(
    ([name, value]) => `${name}: ${typeof value === 'string' ? `'${value}'` : value}`,
  )
  // The constructor of the kind "item-neighbours" is itemNeighbours.
  const written = kind.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase())
  return ['', `  ${target}: ${written}({ ${settings.join(', ')} }),`]
}

const shown = (value: number): string => value.toFixed(4)
const interval = ({ mean, interval: [low, high] }: MeanInterval): string =>
  `${shown(mean)} [${shown(low)}, ${shown(high)}]`

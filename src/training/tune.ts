// Searches settings. It knows neither models nor data: whoever asks says what can be set and measures what was proposed.
import { MillraceError, type Problem } from '../lib/errors.ts'
import { seededRng } from '../lib/rng.ts'
import {
  type ParameterRanges,
  type Parameters,
  parametersAt,
  pointOf,
  randomPoint,
  rangeProblem,
  type UnitPoint,
} from './parameter-space.ts'
import { nextPoint, type Observation } from './tpe.ts'

export interface TuningTask {
  /** What can be set, and between which bounds. */
  readonly parameters: ParameterRanges
  /** What is set now: the first trial. */
  readonly present: Parameters
  /**
   * Trains with the settings and measures on a validation part, never the test part; larger is better.
   * @param budget in (0, 1]: which part of the full effort to spend; 1 is what counts
   */
  evaluate(parameters: Parameters, budget: number): Promise<number>
}

export interface Trial {
  /** From 0, in the order in which they began. */
  readonly number: number
  readonly parameters: Parameters
  readonly budget: number
  readonly value: number
  readonly seconds: number
}

/** `random` draws every trial anew; `tpe` looks near the best so far; `halving` gives many settings little and the best of them more. */
export const tuningMethods = ['tpe', 'random', 'halving'] as const
export type TuningMethod = (typeof tuningMethods)[number]

export interface TuningOptions {
  readonly seed: number
  readonly method: TuningMethod
  /** Ends the search before the sum of the trials' budgets is above it; at least 1. Default: no end. */
  readonly trialCount?: number | undefined
  /** Ends the search after the trial during which the time ran out, that of earlier trials included; above 0. Default: no end. */
  readonly seconds?: number | undefined
  /** What an earlier run, of the same task and seed, found, in order: it is taken as found again. */
  readonly earlier?: readonly Trial[]
  readonly onTrial?: (trial: Trial) => void | Promise<void>
  /** For the seconds of a trial. */
  readonly now: () => number
}

/**
 * The trials in their order. Which settings are tried depends on the seed, the task and the values found, never on the clock: a search that was cut off
 * and is given its earlier trials goes on as if nothing had happened.
 * @throws MillraceError TUNING_INPUT_INVALID for ranges or a budget with nothing in them; TUNING_OTHER_PLAN where the earlier trials are of another search
 */
export async function tune(task: TuningTask, options: TuningOptions): Promise<readonly Trial[]> {
  checkTask(task, options)
  const { trialCount = Number.POSITIVE_INFINITY, seconds = Number.POSITIVE_INFINITY, earlier = [], now } = options
  const trials: Trial[] = []
  let spentBudget = 0
  let spentSeconds = 0
  for (const proposals = proposed(task, options, trials); ; ) {
    const { parameters, budget } = proposals.next().value
    // The slack is for thirds and ninths that do not add up exactly.
    if (spentBudget + budget > trialCount + 1e-9 || spentSeconds >= seconds) return trials
    const known = earlier[trials.length]
    if (known) {
      checkSame(known, parameters, budget)
      trials.push(known)
    } else {
      const startedAt = now()
      const value = await task.evaluate(parameters, budget)
      const trial = { number: trials.length, parameters, budget, value, seconds: (now() - startedAt) / 1000 }
      trials.push(trial)
      await options.onTrial?.(trial)
    }
    spentBudget += budget
    spentSeconds += trials.at(-1)!.seconds
  }
}

/** The best of the trials with the full budget; of equals the earliest, so that what is set now stays unless something is better. */
export function bestTrial(trials: readonly Trial[]): Trial | undefined {
  return trials.reduce<Trial | undefined>(
    (best, trial) => (trial.budget === 1 && !(best && best.value >= trial.value) ? trial : best),
    undefined,
  )
}

interface Proposal {
  readonly parameters: Parameters
  readonly budget: number
}

/** Settings in the order in which they are to be tried, without end; `trials` grows meanwhile by what was found of each. */
function* proposed(
  { parameters: ranges, present }: TuningTask,
  { seed, method }: TuningOptions,
  trials: readonly Trial[],
): Generator<Proposal, never> {
  const rng = seededRng(seed).fork('tune')
  yield { parameters: present, budget: 1 }
  const next = (): UnitPoint =>
    method === 'random' ? randomPoint(ranges, rng) : nextPoint(ranges, observationsOf(ranges, trials), rng)
  for (;;) {
    if (method !== 'halving') yield { parameters: parametersAt(ranges, next()), budget: 1 }
    else yield* bracket(() => parametersAt(ranges, next()), trials)
  }
}

/** Successive halving keeps one of so many and gives it as many times the budget. */
const HALVING_FACTOR = 3
const SMALLEST_BUDGET = 1 / 9

/**
 * One bracket of successive halving (Jamieson & Talwalkar, AISTATS 2016): nine settings with a ninth of the budget, the best three of them with a third,
 * the best one with all of it. Of Hyperband's brackets (Li et al., JMLR 2018) it is the one that starts lowest.
 */
function* bracket(draw: () => Parameters, trials: readonly Trial[]): Generator<Proposal, void> {
  let rung: Parameters[] | undefined
  for (let budget = SMALLEST_BUDGET, size = 9; size >= 1; budget *= HALVING_FACTOR, size /= HALVING_FACTOR) {
    const from = trials.length
    const exactBudget = size === 1 ? 1 : budget
    for (let n = 0; n < size; n++) yield { parameters: rung ? rung[n]! : draw(), budget: exactBudget }
    rung = trials
      .slice(from, from + size)
      .sort((a, b) => b.value - a.value || a.number - b.number)
      .map(({ parameters }) => parameters)
  }
}

/** Values of different budgets do not compare: those of the largest budget with enough of them. */
function observationsOf(ranges: ParameterRanges, trials: readonly Trial[]): readonly Observation[] {
  const enough = Object.keys(ranges).length + 2
  const budgets = [...new Set(trials.map(({ budget }) => budget))].sort((a, b) => b - a)
  const ofBudget = (budget: number) => trials.filter((trial) => trial.budget === budget && Number.isFinite(trial.value))
  const budget = budgets.find((one) => ofBudget(one).length >= enough) ?? budgets.at(-1)
  if (budget === undefined) return []
  return ofBudget(budget).map(({ parameters, value }) => ({ point: pointOf(ranges, parameters), value }))
}

function checkTask({ parameters }: TuningTask, { trialCount, seconds }: TuningOptions): void {
  const problems: Problem[] = Object.entries(parameters).flatMap(([name, range]) => {
    const problem = rangeProblem(range)
    return problem === undefined ? [] : [{ where: `the range of ${name}`, message: `${problem}.` }]
  })
  if (Object.keys(parameters).length === 0) {
    problems.push({ where: 'the ranges', message: 'there is nothing to search: no setting has a range.' })
  }
  if (trialCount !== undefined && !(trialCount >= 1)) {
    problems.push({ where: 'the budget', message: `found ${trialCount} trials, expected at least 1.` })
  }
  if (seconds !== undefined && !(seconds > 0)) {
    problems.push({ where: 'the budget', message: `found ${seconds} seconds, expected more than 0.` })
  }
  if (problems.length === 0) return
  throw new MillraceError('TUNING_INPUT_INVALID', 'There is nothing to search.', { problems })
}

function checkSame(known: Trial, parameters: Parameters, budget: number): void {
  const [found, expected] = [
    { ...known.parameters, budget: known.budget },
    { ...parameters, budget },
  ].map((trial) => JSON.stringify(trial))
  if (found === expected) return
  throw new MillraceError(
    'TUNING_OTHER_PLAN',
    `Trial ${known.number} of the earlier run tried ${found}; this search tries ${expected}.`,
    {
      fix: 'Start over with --restart.',
    },
  )
}

// How soon a search finds good settings: how much TPE and successive halving spend to reach what random search has after 40 trials, over several seeds.
// Settings of item transitions are compared on a validation part of RetailRocket, cut by time; the newest fifth of the history is not looked at.
import { splitMeasure } from '../src/app/split-measure.ts'
import { type InteractionTable, InteractionTableBuilder } from '../src/domain/interaction-table.ts'
import { splitByTime } from '../src/domain/time-split.ts'
import { meanOf } from '../src/lib/bootstrap.ts'
import { seededRng } from '../src/lib/rng.ts'
import { itemTransitions } from '../src/models/item-transitions/item-transitions.ts'
import { bestTrial, type Trial, type TuningMethod, type TuningTask, tune } from '../src/training/tune.ts'
import { type Bench, type Figure, median, spreadOf } from './figure.ts'
import { retailrocket } from './retailrocket.ts'

const methods = ['random', 'tpe', 'halving'] as const satisfies readonly TuningMethod[]

const bench: Bench = async ({ smoke, log }) => {
  const table = smoke ? smokeTable() : retailrocket()
  if ('skipped' in table) return table
  const trialCount = smoke ? 10 : 40
  const seeds = Array.from({ length: smoke ? 2 : 10 }, (_, seed) => seed + 1)
  const kind = itemTransitions()
  const split = splitByTime(splitByTime(table, 0.2)!.train, 0.2)!
  const measure = splitMeasure(split, { k: 100, seed: 1, threadCount: 1, log: () => {} })
  const task = remembered({
    parameters: kind.tunable,
    present: kind.options,
    evaluate: async (settings, budget) => meanOf((await measure(kind.with(settings), budget)).values.recall),
  })
  const searches: Record<TuningMethod, (readonly Trial[])[]> = { random: [], tpe: [], halving: [] }
  for (const method of methods) {
    for (const seed of seeds) {
      const trials = await tune(task, { seed, method, trialCount, now: () => performance.now() })
      // The present settings were tuned before, on another data set: what a search finds is what counts here.
      searches[method].push(trials.slice(1))
      log(`${method}, seed ${seed}: best ${bestTrial(trials.slice(1))?.value.toFixed(5)}`)
    }
  }
  const target = median(searches.random.map((trials) => bestTrial(trials)?.value ?? 0))
  return methods.flatMap((method) => figuresOf(method, searches[method], { target, trialCount }))
}
export default bench

function figuresOf(
  method: TuningMethod,
  searches: readonly (readonly Trial[])[],
  { target, trialCount }: { readonly target: number; readonly trialCount: number },
): Figure[] {
  const bests = searches.map((trials) => bestTrial(trials)?.value ?? 0)
  const spent = searches.map((trials) => spentUntil(trials, target) ?? trialCount)
  const reachedCount = searches.filter((trials) => spentUntil(trials, target) !== undefined).length
  return [
    {
      name: `${method}, best Recall@100 of ${trialCount} trials`,
      value: median(bests),
      unit: '',
      spread: spreadOf(bests),
      note: `validation part, median and spread over ${searches.length} seeds`,
    },
    {
      name: `${method}, trials to reach random search's best`,
      value: median(spent),
      unit: 'trials',
      spread: spreadOf(spent),
      ...(method === 'tpe' && { bar: `< ${trialCount - 1}`, ok: median(spent) < trialCount - 1 }),
      note: `to reach ${target.toFixed(5)}, the median best of random search: ${reachedCount} of ${searches.length} seeds did, the others count as ${trialCount}; a trial of a part of the budget counts as that part`,
    },
  ]
}

/** The sum of the budgets up to the first full trial that reaches the target; undefined where none does. */
function spentUntil(trials: readonly Trial[], target: number): number | undefined {
  let spent = 0
  for (const { budget, value } of trials) {
    spent += budget
    if (budget === 1 && value >= target) return spent
  }
  return undefined
}

/** Several searches try the same settings now and then. */
function remembered(task: TuningTask): TuningTask {
  const values = new Map<string, Promise<number>>()
  return {
    ...task,
    evaluate: (parameters, budget) => {
      const key = JSON.stringify([parameters, budget])
      const value = values.get(key) ?? task.evaluate(parameters, budget)
      values.set(key, value)
      return value
    },
  }
}

/** Sessions that follow a ring of items. */
function smokeTable(): InteractionTable {
  const rng = seededRng('tuning')
  const builder = new InteractionTableBuilder()
  for (let n = 0; n < 3000; n++) {
    builder.add(`u${n % 150}`, `i${3 * (n % 20) + Math.floor(n / 150) + rng.integer(4)}`, 1, n * 1000)
  }
  return builder.build()
}

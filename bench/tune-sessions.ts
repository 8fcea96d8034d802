// node bench/tune-sessions.ts DATASET KIND [--trials N] [--seed S] [--from JSON]: how the settings of the benchmarks of next items were found: on the
// newest sessions of Diginetica's train part, and on Beauty's last item but one; the test parts are never looked at.
import { parseArgs } from 'node:util'
import { meanOf } from '../src/lib/bootstrap.ts'
import { itemTransitions } from '../src/models/item-transitions/item-transitions.ts'
import { sessionNeighbours } from '../src/models/session-neighbours/session-neighbours.ts'
import type { GeneratorKind } from '../src/ports/candidate-generator.ts'
import { bestTrial, tune } from '../src/training/tune.ts'
import { beauty } from './beauty.ts'
import { digineticaValidation } from './diginetica.ts'
import {
  assessNextItem,
  hitsOf,
  type NextItemQuality,
  type NextItemTask,
  ndcgOf,
  reciprocalRanksOf,
} from './next-item.ts'

const kinds: Readonly<Record<string, GeneratorKind>> = {
  'session-neighbours': sessionNeighbours(),
  'item-transitions': itemTransitions(),
}

interface Dataset {
  readonly validation: () => NextItemTask | { readonly skipped: string }
  readonly k: number
  /** Every so many questions are asked: enough to tell settings apart, in seconds. */
  readonly step: number
  readonly second: { readonly name: string; readonly of: (quality: NextItemQuality) => Float64Array }
  /** What hits and the second metric are divided by, to bring them to one scale: the bars that they must meet, or a peer's figures. */
  readonly scales: readonly [number, number]
}

const datasets: Readonly<Record<string, Dataset>> = {
  diginetica: {
    validation: () => digineticaValidation(0.07),
    k: 20,
    step: 4,
    second: { name: 'MRR', of: reciprocalRanksOf },
    scales: [0.48, 0.165],
  },
  beauty: {
    validation: () => beauty('validation'),
    k: 10,
    step: 1,
    second: { name: 'NDCG', of: ndcgOf },
    scales: [0.06, 0.0318],
  },
}

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { trials: { type: 'string' }, seed: { type: 'string' }, from: { type: 'string' } },
})
const [datasetName = '', kindName = ''] = positionals
const dataset = datasets[datasetName]
const kind = kinds[kindName]
if (dataset && kind) await search(dataset, kind.with(JSON.parse(values.from ?? '{}')))
else {
  console.error(`Give a data set (${Object.keys(datasets).join(', ')}) and a kind (${Object.keys(kinds).join(', ')}).`)
  process.exitCode = 64
}

async function search({ validation, k, step, second, scales }: Dataset, start: GeneratorKind): Promise<void> {
  const task = validation()
  if ('skipped' in task) {
    console.log(`skipped: ${task.skipped}`)
    return
  }
  const sample = { ...task, questions: task.questions.filter((_, q) => q % step === 0) }
  const assess = async (candidate: GeneratorKind): Promise<number> => {
    const quality = await assessNextItem(candidate, sample, k)
    const [hits, other] = [meanOf(hitsOf(quality)), meanOf(second.of(quality))]
    console.log(
      `hits ${hits.toFixed(4)} ${second.name} ${other.toFixed(4)} ${quality.answerMs.mean.toFixed(2)} ms ${JSON.stringify(candidate.options)}`,
    )
    return hits / scales[0] + other / scales[1]
  }
  const parameters = start.tunable
  const present = Object.fromEntries(Object.keys(parameters).map((name) => [name, start.options[name]!]))
  const trials = await tune(
    { parameters, present, evaluate: (settings) => assess(start.with(settings)) },
    {
      seed: Number(values.seed ?? 1),
      method: 'tpe',
      trialCount: Number(values.trials ?? 30),
      now: () => performance.now(),
    },
  )
  console.log(`best: ${JSON.stringify(start.with(bestTrial(trials)!.parameters).options)}`)
}

// node bench/tune-ranking.ts DATASET KIND [--trials N] [--seed S] [--from JSON]: how the settings in the quality benchmarks were found.
// A validation part is cut from the train part, as the test part was cut from all; the test part is never looked at. Each trial moves one to
// three settings of the best so far by up to an eighth of their range, and stays where it got better.
import { parseArgs } from 'node:util'
import { meanOf } from '../src/lib/bootstrap.ts'
import { type Rng, seededRng } from '../src/lib/rng.ts'
import { graphFilter } from '../src/models/graph-filter/graph-filter.ts'
import { ials } from '../src/models/ials/ials.ts'
import { itemNeighbours } from '../src/models/item-neighbours/item-neighbours.ts'
import { rp3beta } from '../src/models/rp3beta/rp3beta.ts'
import type { GeneratorKind } from '../src/ports/candidate-generator.ts'
import type { HeldOut } from '../src/training/evaluate.ts'
import { type Parameters, parametersAt, pointOf } from '../src/training/parameter-space.ts'
import { gowalla } from './ials-data.ts'
import { ml100k } from './ml-100k.ts'
import { assess, splitPerUser } from './ranking-quality.ts'

const kinds: Readonly<Record<string, GeneratorKind>> = {
  // From the powers of 1/2 that the papers use; `--from '{}'` starts from the package's defaults.
  'graph-filter': graphFilter({
    userPower: 0.5,
    historyPower: 0.5,
    candidatePower: 0.5,
    sharpening: 0.2,
    sharpeningMiddlePower: 1,
    sharpeningCandidatePower: 0.5,
    smoothing: 0.3,
    smoothingCandidatePower: 0.5,
  }),
  'item-neighbours': itemNeighbours(),
  rp3beta: rp3beta(),
  ials: ials(),
}

interface Dataset {
  readonly validations: () => readonly HeldOut[] | { readonly skipped: string }
  readonly k: number
  /** What is maximised; recall and NDCG on Gowalla are brought to one scale by the bars they must meet. */
  readonly value: (metrics: { recall: number; ndcg: number }) => number
}

const datasets: Readonly<Record<string, Dataset>> = {
  gowalla: {
    validations: () => {
      const data = gowalla()
      return 'skipped' in data ? data : [splitPerUser(data.train, 0.2, 1)]
    },
    k: 20,
    value: ({ recall, ndcg }) => recall / 0.185 + ndcg / 0.152,
  },
  'ml-100k': {
    validations: () => {
      const data = ml100k()
      if ('skipped' in data) return data
      return [1, 2, 3, 4, 5].map((seed) =>
        splitPerUser(splitPerUser(data, 0.25, seed).trainItemsByUser, 0.25, seed + 100),
      )
    },
    k: 10,
    value: ({ ndcg }) => ndcg,
  },
}

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { trials: { type: 'string' }, seed: { type: 'string' }, from: { type: 'string' } },
})
const [datasetName = '', kindName = ''] = positionals
const dataset = datasets[datasetName]
const kind = kinds[kindName]
if (!dataset || !kind) {
  console.error(`Give a data set (${Object.keys(datasets).join(', ')}) and a kind (${Object.keys(kinds).join(', ')}).`)
  process.exit(64)
}
const validations = dataset.validations()
if ('skipped' in validations) {
  console.log(`skipped: ${validations.skipped}`)
  process.exit(0)
}
await climb(dataset, values.from ? kind.with(JSON.parse(values.from)) : kind, validations)

async function climb({ k, value }: Dataset, start: GeneratorKind, parts: readonly HeldOut[]): Promise<void> {
  const rng = seededRng(Number(values.seed ?? 1)).fork('tune-ranking')
  let best: { kind: GeneratorKind; value: number } | undefined
  for (let trial = 0; trial < Number(values.trials ?? 60); trial++) {
    const candidate = best ? best.kind.with(moved(best.kind, rng)) : start
    const metrics: { recall: number; ndcg: number }[] = []
    for (const part of parts) {
      const { users } = await assess(candidate, part, { k, seed: 1 })
      metrics.push({ recall: meanOf(users.values.recall), ndcg: meanOf(users.values.ndcg) })
    }
    const mean = { recall: meanOf(metrics.map((m) => m.recall)), ndcg: meanOf(metrics.map((m) => m.ndcg)) }
    const reached = value(mean)
    if (best && reached <= best.value) continue
    best = { kind: candidate, value: reached }
    console.log(
      `trial ${trial}: recall ${mean.recall.toFixed(4)} ndcg ${mean.ndcg.toFixed(4)} ${JSON.stringify(candidate.options)}`,
    )
  }
}

/** One to three settings, each moved by up to an eighth of its range. */
function moved(kind: GeneratorKind, rng: Rng): Parameters {
  const names = Object.keys(kind.tunable)
  const count = 1 + rng.integer(3)
  const chosen = Array.from({ length: count }, () => names[rng.integer(names.length)]!)
  const ranges = Object.fromEntries(chosen.map((name) => [name, kind.tunable[name]!]))
  const point = pointOf(ranges, kind.options)
  return parametersAt(
    ranges,
    point.map((at) => Math.min(1 - 1e-9, Math.max(0, at + (2 * rng.next() - 1) / 8))),
  )
}

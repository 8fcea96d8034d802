// The whole funnel on two shops, split by time: the ranked list beside the best list of a single generator, on the same questions.
//
// A user is asked about at up to three moments after the split, with the history of that moment, and the list is held against what the user chose within a day and had
// not chosen before. Candidates, features and examples are made as `millrace train` makes them. The settings of the ranker are the package's defaults.
//
// A ranker that learns from some two thousand questions depends on which were drawn: trainings that differ in their seed alone differ by several percent. So each user's value is the mean
// over five seeds, and the spread is that of the seeds.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type EvaluatedFunnel, evaluateFunnel } from '../src/app/evaluate-funnel.ts'
import type { App } from '../src/app.ts'
import {
  count,
  defineSystem,
  distinct,
  fileSource,
  type GeneratorKind,
  ials,
  importSources,
  itemNeighbours,
  itemTransitions,
  lambdaMart,
  mean,
  openApp,
  popularity,
  readTrainingInput,
  rp3beta,
  type System,
  sessionNeighbours,
  since,
} from '../src/index.ts'
import { comparePaired, meanOf } from '../src/lib/bootstrap.ts'
import { seededRng } from '../src/lib/rng.ts'
import type { FunnelMeasurement } from '../src/training/evaluate-funnel.ts'
import { pairedTest } from '../src/training/gates/mean-test.ts'
import { dataFile } from './data.ts'
import { type Bench, type Figure, spreadOf } from './figure.ts'

const candidates: Readonly<Record<string, GeneratorKind>> = {
  cf: ials({ factors: 64 }),
  alike: itemNeighbours(),
  walks: rp3beta(),
  session: sessionNeighbours(),
  next: itemTransitions(),
  trending: popularity({ halfLifeDays: 14 }),
  hot: popularity({ halfLifeDays: 3 }),
}

const component = { owner: 'bench@millrace.example' }
const placements = { home: { limit: 20 } }

function retailRocket(path: string, seed: number): System {
  const all = ['view', 'cart', 'buy'] as const
  return defineSystem({
    name: 'retailrocket',
    data: {
      ...component,
      entities: { user: {}, item: {} },
      interactions: { view: { weight: 1 }, cart: { weight: 4 }, buy: { weight: 10 } },
      sources: {
        events: fileSource({
          path,
          format: 'tsv',
          holds: 'interactions',
          columns: { userId: 'user', itemId: 'item', eventTime: 'timestamp', interaction: 'behaviour' },
          timeFormat: 'seconds',
          known: 'when-it-happened',
        }),
      },
      features: {
        item_views_1d: count({ of: 'view', by: 'item', window: '1 day' }),
        item_views_7d: count({ of: 'view', by: 'item', window: '7 days' }),
        item_views_30d: count({ of: 'view', by: 'item', window: '30 days' }),
        item_carts_30d: count({ of: 'cart', by: 'item', window: '30 days' }),
        item_buys_30d: count({ of: 'buy', by: 'item', window: '30 days' }),
        item_users_30d: distinct({ of: all, by: 'item', window: '30 days' }),
        item_recency: since({ of: all, by: 'item' }),
        user_views_1h: count({ of: 'view', by: 'user', window: '1 hour' }),
        user_views_7d: count({ of: 'view', by: 'user', window: '7 days' }),
        user_carts_1d: count({ of: 'cart', by: 'user', window: '1 day' }),
        user_recency: since({ of: all, by: 'user' }),
      },
    },
    training: { ...component, seed, candidates, ranker: lambdaMart(), examples: { windows: 6 } },
    serving: { ...component, placements },
    monitoring: component,
  })
}

function onlineRetail(path: string, seed: number): System {
  return defineSystem({
    name: 'online-retail',
    data: {
      ...component,
      entities: { user: {}, item: {} },
      // As the demo has it, lines of cancelled invoices, whose quantity is below zero, are turned away.
      interactions: { purchase: { weight: 1, values: ['unitPrice'] } },
      sources: {
        lines: fileSource({
          path,
          format: 'tsv',
          holds: 'interactions',
          interaction: 'purchase',
          columns: {
            userId: 'CustomerID',
            itemId: 'StockCode',
            eventTime: 'InvoiceDate',
            weight: 'Quantity',
            unitPrice: 'UnitPrice',
          },
          known: 'when-it-happened',
        }),
      },
      features: {
        item_lines_1d: count({ of: 'purchase', by: 'item', window: '1 day' }),
        item_lines_7d: count({ of: 'purchase', by: 'item', window: '7 days' }),
        item_lines_30d: count({ of: 'purchase', by: 'item', window: '30 days' }),
        item_lines_90d: count({ of: 'purchase', by: 'item', window: '90 days' }),
        item_buyers_30d: distinct({ of: 'purchase', by: 'item', window: '30 days' }),
        item_recency: since({ of: 'purchase', by: 'item' }),
        item_unit_price: mean({ of: 'purchase', value: 'unitPrice', by: 'item', window: '90 days' }),
        user_lines_30d: count({ of: 'purchase', by: 'user', window: '30 days' }),
        user_lines_90d: count({ of: 'purchase', by: 'user', window: '90 days' }),
        user_unit_price: mean({ of: 'purchase', value: 'unitPrice', by: 'user', window: '90 days' }),
        user_recency: since({ of: 'purchase', by: 'user' }),
      },
    },
    training: { ...component, seed, candidates, ranker: lambdaMart(), examples: { windows: 6 } },
    serving: { ...component, placements },
    monitoring: component,
  })
}

interface Shop {
  readonly name: string
  readonly systemOf: (seed: number) => System
}

const seeds = [1, 2, 3, 4, 5]

const bench: Bench = async ({ smoke, log }) => {
  if (smoke) return smokeFigures(log)
  const shops: Shop[] = []
  for (const [name, file, systemOf] of [
    ['RetailRocket', 'retailrocket/events.tsv.gz', retailRocket],
    ['Online Retail', 'online-retail/online_retail.tsv.gz', onlineRetail],
  ] as const) {
    const found = dataFile(file)
    if ('skipped' in found) return found
    shops.push({ name, systemOf: (seed) => systemOf(found.path, seed) })
  }
  const figures: Figure[] = []
  for (const shop of shops) figures.push(...(await figuresOf(shop, seeds, log)))
  return figures
}

export default bench

async function figuresOf(
  { name, systemOf }: Shop,
  seeds: readonly number[],
  log: (line: string) => void,
): Promise<Figure[]> {
  const dataDir = mkdtempSync(join(tmpdir(), 'millrace-funnel-'))
  try {
    await withApp({ system: systemOf(seeds[0]!), dataDir }, importSources)
    const startedAt = performance.now()
    const runs: EvaluatedFunnel[] = []
    for (const seed of seeds) {
      const found = await withApp({ system: systemOf(seed), dataDir }, async (app) =>
        evaluateFunnel(app, await readTrainingInput(app), { log: (line) => log(`${name}: ${line}`) }),
      )
      log(`${name}, seed ${seed}: NDCG@20 ${found!.report.ranked.ndcg.mean.toFixed(4)}`)
      runs.push(found!)
    }
    return figuresOfRuns(name, runs, (performance.now() - startedAt) / 1000)
  } finally {
    rmSync(dataDir, { recursive: true, force: true })
  }
}

async function withApp<T>(options: Parameters<typeof openApp>[0], use: (app: App) => Promise<T>): Promise<T> {
  const app = await openApp(options)
  try {
    return await use(app)
  } finally {
    await app.close()
  }
}

/** @param runs of the same questions */
function figuresOfRuns(name: string, runs: readonly EvaluatedFunnel[], seconds: number): Figure[] {
  const first = runs[0]!
  const { k, questionCount, generators } = first.measured
  const random = { seed: 1 }
  /** User by user, the mean over the seeds. */
  const valuesOf = (of: (measured: FunnelMeasurement) => Float64Array): Float64Array => {
    const all = runs.map(({ measured }) => of(measured))
    return all[0]!.map((_, user) => meanOf(all.map((values) => values[user]!)))
  }
  const ranked = valuesOf(({ ranked }) => ranked.values.ndcg)
  const reduced = valuesOf(({ reduced }) => reduced.values.ndcg)
  const ndcgOf = Object.keys(generators).map((generator) => {
    return [generator, valuesOf((measured) => measured.generators[generator]!.values.ndcg)] as const
  })
  const [bestName, best] = ndcgOf.reduce((a, b) => (meanOf(b[1]) > meanOf(a[1]) ? b : a))
  const over = comparePaired({ challenger: ranked, champion: best }, random)!
  const overReduced = comparePaired({ challenger: ranked, champion: reduced }, random)!
  const ratio = meanOf(ranked) / meanOf(best)
  const recallOf = (of: (measured: FunnelMeasurement) => Float64Array): string => meanOf(valuesOf(of)).toFixed(4)
  const range = (interval: readonly [number, number]): string => interval.map((end) => end.toFixed(4)).join(', ')
  const at500 = valuesOf(({ candidateRecallAt500 }) => candidateRecallAt500)
  const ofSeeds = (of: (run: EvaluatedFunnel) => number) => spreadOf(runs.map(of))
  const { ranker } = first
  // What gates widen the error of such a comparison by: src/training/gates/accuracy.ts.
  const ts = runs.flatMap((a, i) =>
    runs.slice(i + 1).map((b) => {
      const { mean, standardError } = pairedTest(a.measured.ranked.values.ndcg, b.measured.ranked.values.ndcg)
      return mean / standardError
    }),
  )
  const spreadOfT = Math.sqrt(meanOf(ts.map((t) => t ** 2)))
  return [
    {
      name: `${name}, ranked list NDCG@${k}`,
      value: meanOf(ranked),
      unit: '',
      spread: ofSeeds(({ report }) => report.ranked.ndcg.mean),
      peer: `best generator, ${bestName}`,
      peerValue: meanOf(best),
      ratio,
      bar: '>= 1.1 x, interval of the difference above 0',
      ok: ratio >= 1.1 && over.interval[0] > 0,
      note:
        `Mean and spread of ${runs.length} seeds, the same questions; ${ranked.length} users, ${questionCount} questions, learned before ` +
        `${new Date(first.splitAtMs).toISOString().slice(0, 10)}; difference ${over.mean.toFixed(4)} [${range(over.interval)}] over users; recall ` +
        `${recallOf(({ ranked }) => ranked.values.recall)} against ${recallOf(({ generators }) => generators[bestName]!.values.recall)}; with the first ` +
        `seed ${ranker.examples.answeredCount} examples of ${ranker.examples.questionCount} questions, ${ranker.examples.rowCount} rows; ${seconds.toFixed(0)} s in all; between two seeds t has a standard deviation of ${spreadOfT.toFixed(1)}`,
    },
    {
      name: `${name}, recall of 500 candidates`,
      value: meanOf(at500),
      unit: '',
      spread: ofSeeds(({ report }) => report.candidateRecallAt500.mean),
      note: `the best of every generator first; of all candidates ${recallOf(({ candidateRecall }) => candidateRecall)}, ${first.report.candidateCountMean.toFixed(0)} different candidates a question, at most ${ranker.perGenerator} of each of ${ranker.generatorNames.length} generators`,
    },
    {
      name: `${name}, reduced list NDCG@${k}`,
      value: meanOf(reduced),
      unit: '',
      spread: ofSeeds(({ report }) => report.reduced.ndcg.mean),
      peer: 'the whole ranked list',
      peerValue: meanOf(ranked),
      ratio: meanOf(reduced) / meanOf(ranked),
      note: `the ranker puts a quarter of 500 candidates in order, as where requests wait; the whole list is better by ${overReduced.mean.toFixed(4)} [${range(overReduced.interval)}]`,
    },
  ]
}

/** A shop of three tastes, so small that nothing can be said of quality. */
async function smokeFigures(log: (line: string) => void): Promise<Figure[]> {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-funnel-'))
  const path = join(folder, 'events.tsv')
  const rng = seededRng(1)
  const lines = ['timestamp\tuser\titem\tbehaviour']
  for (let day = 0; day < 30; day++) {
    for (let visit = 0; visit < 20; visit++) {
      const user = rng.integer(60)
      const start = 1_700_000_000 + day * 86_400 + visit * 3600
      for (let step = 0; step < 4; step++) {
        const item = (user % 3) * 20 + Math.floor(20 * rng.next() ** 2)
        lines.push(`${start + step * 60}\tu${user}\ti${item}\t${rng.next() < 0.2 ? 'buy' : 'view'}`)
      }
    }
  }
  writeFileSync(path, `${lines.join('\n')}\n`)
  try {
    return await figuresOf({ name: 'made shop', systemOf: (seed) => retailRocket(path, seed) }, [1, 2], log)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

// The whole funnel on two shops, split by time: the ranked list beside the best list of a single generator, on the same questions.
//
// A user is asked about at up to three moments after the split, with the history of that moment, and the list is held against what the user chose within a day and had
// not chosen before. Candidates, features and examples are made as `millrace train` makes them. The settings of the ranker are the package's defaults.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { evaluateFunnel } from '../src/app/evaluate-funnel.ts'
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
import { seededRng } from '../src/lib/rng.ts'
import { dataFile } from './data.ts'
import type { Bench, Figure } from './figure.ts'

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

function retailRocket(path: string): System {
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
    training: { ...component, candidates, ranker: lambdaMart(), examples: { windows: 6 } },
    serving: { ...component, placements },
    monitoring: component,
  })
}

function onlineRetail(path: string): System {
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
    training: { ...component, candidates, ranker: lambdaMart(), examples: { windows: 6 } },
    serving: { ...component, placements },
    monitoring: component,
  })
}

interface Shop {
  readonly name: string
  readonly system: System
}

const bench: Bench = async ({ smoke, log }) => {
  if (smoke) return smokeFigures(log)
  const shops: Shop[] = []
  for (const [name, file, systemOf] of [
    ['RetailRocket', 'retailrocket/events.tsv.gz', retailRocket],
    ['Online Retail', 'online-retail/online_retail.tsv.gz', onlineRetail],
  ] as const) {
    const found = dataFile(file)
    if ('skipped' in found) return found
    shops.push({ name, system: systemOf(found.path) })
  }
  const figures: Figure[] = []
  for (const shop of shops) figures.push(...(await figuresOf(shop, log)))
  return figures
}

export default bench

async function figuresOf({ name, system }: Shop, log: (line: string) => void): Promise<Figure[]> {
  const dataDir = mkdtempSync(join(tmpdir(), 'millrace-funnel-'))
  const app = await openApp({ system, dataDir })
  try {
    await importSources(app)
    const startedAt = performance.now()
    const found = await evaluateFunnel(app, await readTrainingInput(app), {
      log: (line) => log(`${name}: ${line}`),
    })
    const { report, ranker } = found!
    const { k, ranked, generators, bestGenerator, overBestGenerator, candidateRecall, candidateCountMean } = report
    for (const [generator, { ndcg }] of Object.entries(generators)) log(`${name}: ${generator} ${ndcg.mean.toFixed(4)}`)
    const best = generators[bestGenerator]!
    const ratio = ranked.ndcg.mean / best.ndcg.mean
    const [low, high] = overBestGenerator.interval
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(0)
    return [
      {
        name: `${name}, ranked list NDCG@${k}`,
        value: ranked.ndcg.mean,
        unit: '',
        spread: ranked.ndcg.interval,
        peer: `best generator, ${bestGenerator}`,
        peerValue: best.ndcg.mean,
        ratio,
        bar: '>= 1.1 x, interval of the difference above 0',
        ok: ratio >= 1.1 && low > 0,
        note:
          `${report.userCount} users, ${report.questionCount} questions, learned before ${new Date(found!.splitAtMs).toISOString().slice(0, 10)}; ` +
          `difference ${overBestGenerator.mean.toFixed(4)} [${low.toFixed(4)}, ${high.toFixed(4)}]; recall ${ranked.recall.toFixed(4)} against ` +
          `${best.recall.toFixed(4)}; ${ranker.examples.answeredCount} examples of ${ranker.examples.questionCount} questions, ${ranker.examples.rowCount} rows; ${seconds} s in all`,
      },
      {
        name: `${name}, recall of 500 candidates`,
        value: report.candidateRecallAt500.mean,
        unit: '',
        spread: report.candidateRecallAt500.interval,
        note: `the best of every generator first; of all candidates ${candidateRecall.mean.toFixed(4)}, ${candidateCountMean.toFixed(0)} different candidates a question, at most ${ranker.perGenerator} of each of ${ranker.generatorNames.length} generators`,
      },
      {
        name: `${name}, reduced list NDCG@${k}`,
        value: report.reduced.ndcg.mean,
        unit: '',
        spread: report.reduced.ndcg.interval,
        peer: 'the whole ranked list',
        peerValue: ranked.ndcg.mean,
        ratio: report.reduced.ndcg.mean / ranked.ndcg.mean,
        note: `the ranker puts a quarter of 500 candidates in order, as where requests wait; the whole list is better by ${report.overReduced.mean.toFixed(4)} [${report.overReduced.interval.map((end) => end.toFixed(4)).join(', ')}]`,
      },
    ]
  } finally {
    await app.close()
    rmSync(dataDir, { recursive: true, force: true })
  }
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
    return await figuresOf({ name: 'made shop', system: retailRocket(path) }, log)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

// npm run demo: a shop's history in, served recommendations out, and what one more purchase changes.
//   npm run demo                    keeps serving at the end
//   npm run demo -- --once --json   prints one JSON summary and exits
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import {
  type App,
  type Clock,
  describeError,
  describeEvaluation,
  describeExplanation,
  describeFunnel,
  describeGates,
  type EvaluatedFunnel,
  type EvaluationReport,
  explainRecommendation,
  importSources,
  loadSystem,
  MillraceError,
  openApp,
  openTables,
  readTrainingInput,
  serve,
  systemClock,
  trainWithGates,
} from 'millrace'
import { createClient } from 'millrace/client'
import { compareFeatures, computeFeatures, reportChecks, showHistory, showTables } from './data-pipeline.ts'
import type system from './millrace.config.ts'

const isOnce = process.argv.includes('--once')
const asJson = process.argv.includes('--json')
const portArgument = process.argv.find((argument) => argument.startsWith('--port='))
const port = portArgument ? Number(portArgument.slice('--port='.length)) : isOnce ? 0 : 7700
/** A customer with a handful of purchases, and something they have not bought. */
const customer = '12353'
const purchasedItem = '85099B'
const earlierDate = '2011-06-01T00:00:00Z'
/** With --json, standard output is for the summary alone. */
const say = (line = ''): void => (asJson ? console.error(line) : console.log(line))

/** In this shop it is the end of its last day, ten minutes after the last purchase: "now", "yesterday" and "90 days" mean what they meant there. */
const openedAtMs = systemClock.now()
const shopClock: Clock = { now: () => Date.parse('2011-12-09T13:00:00Z') + systemClock.now() - openedAtMs }

const startedAt = performance.now()
const app = await openFreshApp()
try {
  const summary = {
    ...(await importHistory(app)),
    ...(await prepareData(app)),
    ...(await learn(app)),
    ...(await tellAndServe(app)),
  }
  if (asJson) console.log(JSON.stringify({ ...summary, seconds: secondsSince(startedAt) }, null, 2))
  else say(`\nAll of it took ${secondsSince(startedAt)} s.`)
} catch (error) {
  if (!(error instanceof MillraceError)) throw error
  console.error(describeError(error))
  process.exitCode = error.exitCode
} finally {
  await app.close()
}

/** The demo always begins with an empty data folder, so that it shows the same every time. */
async function openFreshApp(): Promise<App> {
  const dataDir = join(import.meta.dirname, '.millrace')
  rmSync(dataDir, { recursive: true, force: true })
  return openApp({ system: await loadSystem(import.meta.dirname), dataDir, clock: shopClock })
}

async function importHistory(app: App) {
  say('1. Import the history of a gift shop')
  const accounts = await importSources(app)
  const rows = { read: 0, accepted: 0, duplicate: 0, quarantined: 0, quarantinedByReason: {} as Record<string, number> }
  for (const account of accounts) {
    const rate = Math.round(account.readCount / (account.elapsedMs / 1000))
    say(
      `   ${account.sourceName}: ${count(account.readCount)} rows at ${count(rate)} rows/s, ${count(account.acceptedCount)} accepted`,
    )
    rows.read += account.readCount
    rows.accepted += account.acceptedCount
    rows.duplicate += account.duplicateCount
    rows.quarantined += account.quarantinedCount
    for (const [reason, n] of Object.entries(account.quarantinedByReason)) {
      rows.quarantinedByReason[reason] = (rows.quarantinedByReason[reason] ?? 0) + n
    }
  }
  say(`   ${count(rows.duplicate)} duplicates; quarantined: ${JSON.stringify(rows.quarantinedByReason)}`)
  return { rows }
}

async function prepareData(app: App) {
  const backfill = await computeFeatures(app, say)
  const tables = await showTables(await openTables(app), say)
  say('\n3. Check the newest whole day')
  return { ...backfill, tables, checks: await reportChecks(app, say) }
}

async function learn(app: App) {
  const input = await readTrainingInput(app)
  const { userIds, itemIds } = input.table
  say('\n4. Evaluate: learn from the older part, ask about the newer part')
  let evaluation: EvaluationReport | undefined
  let funnel: EvaluatedFunnel | undefined
  const { manifest, report } = await trainWithGates(app, input, {
    log: (line) => say(`   ${line}`),
    onEvaluation: (measured, whole) => {
      evaluation = measured.report
      funnel = whole
      for (const line of describeFunnel(whole!)) say(`   ${line}`)
      say()
      for (const line of describeEvaluation(measured.report)) say(`   ${line}`)
      say('\n5. Train on everything, and let the gates judge')
    },
    onReport: (gates) => {
      for (const line of describeGates(gates)) say(`   ${line}`)
    },
  })
  say(`   model ${manifest.version} is in charge`)
  const { version: modelVersion } = manifest
  return { users: userIds.length, items: itemIds.length, evaluation, funnel, gates: report, modelVersion }
}

async function tellAndServe(app: App) {
  const titles = await catalogueOf(app)
  return { explained: await explain(app, titles), ...(await recommend(app, titles)) }
}

/** What moved the ranker to put the best item first. */
async function explain(app: App, titles: Catalogue) {
  const found = await explainRecommendation(app, { userId: customer, limit: 5 })
  const { itemId, explanation } = found.explained
  say(`\n6. Why ${String(titles.get(itemId)?.title)} would be ranked first for customer ${customer}`)
  say(`   of ${found.candidateCount} candidates, by ${found.historyLength} purchases`)
  for (const line of describeExplanation(explanation, { featureCount: 8 })) say(`   ${line}`)
  return found
}

async function recommend(app: App, catalogue: Catalogue) {
  const running = await serve(app, { port })
  try {
    const client = createClient<typeof system>({ url: running.url })
    const list = async (userId: string) => {
      const { items, modelVersion } = await client.recommend({ placement: 'home', userId })
      return items.map((item) => ({
        itemId: item.itemId,
        title: String(catalogue.get(item.itemId)?.title),
        generator: item.generator,
        modelVersion,
      }))
    }
    const show = (items: Awaited<ReturnType<typeof list>>): void => {
      for (const [place, item] of items.entries())
        say(`   ${String(place + 1).padStart(2)}. ${item.title}  (${item.generator})`)
    }

    say(`\n7. Serve on ${running.url}: recommendations for customer ${customer}`)
    const before = await list(customer)
    show(before)

    const bought = catalogue.get(purchasedItem)!
    const purchase = {
      interaction: 'purchase',
      userId: customer,
      itemId: purchasedItem,
      eventTime: new Date(app.clock.now()),
      values: { unitPrice: Number(bought.price) },
    } as const
    say(`\n8. Customer ${customer} buys ${String(bought.title)}; the next answer`)
    const sentAt = performance.now()
    await client.sendEvents([purchase])
    let after = await list(customer)
    while (JSON.stringify(after) === JSON.stringify(before) && performance.now() - sentAt < 5_000)
      after = await list(customer)
    const changedAfterMs = Math.round(performance.now() - sentAt)
    const known = new Set(before.map((item) => item.itemId))
    show(after)
    const newcomers = after.filter((item) => !known.has(item.itemId))
    say(`   ${newcomers.length} of ${after.length} are new, ${changedAfterMs} ms after the purchase was sent`)
    if (newcomers.length === 0) throw new Error('The purchase changed nothing in the next answer.')

    say(`\n9. What is known of customer ${customer}, now and half a year before`)
    await running.featuresCaughtUp()
    const features = await compareFeatures(client, { userId: customer, at: earlierDate }, say)
    if (!features.now.features.some(({ value }) => value === purchasedItem))
      throw new Error('The features do not know of the purchase.')

    say('\n10. The purchase in the tables that training reads: the newest versions')
    const tables = await openTables(app)
    await tables.sync()
    const tableHistory = await showHistory(tables, say)
    if (tableHistory[0]?.addedRowCount !== 1) throw new Error('The purchase is not the newest row of the tables.')

    if (!isOnce) {
      say(`\nStill serving on ${running.url}. Ctrl+C ends it.`)
      await new Promise((resolve) => process.once('SIGINT', resolve))
    }
    return {
      customer,
      purchase: { itemId: purchasedItem, title: String(bought.title) },
      before,
      after,
      changedAfterMs,
      features,
      tableHistory,
    }
  } finally {
    await running.close()
  }
}

/** What the shop says of its items, by id. */
type Catalogue = ReadonlyMap<string, Readonly<Record<string, unknown>>>

async function catalogueOf(app: App): Promise<Catalogue> {
  const catalogue = new Map<string, Readonly<Record<string, unknown>>>()
  for (let offset = 0; ; ) {
    const batch = await app.log.read(offset, 1000)
    for (const { event } of batch) {
      if (event.kind === 'entity' && event.entity === 'item') catalogue.set(event.entityId, event.attributes)
    }
    // The import takes items and users first.
    if (!batch.some(({ event }) => event.kind === 'entity')) return catalogue
    offset = batch.at(-1)!.offset + 1
  }
}

function count(n: number): string {
  return n.toLocaleString('en-US')
}

function secondsSince(startMs: number): number {
  return Number(((performance.now() - startMs) / 1000).toFixed(1))
}

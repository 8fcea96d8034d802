// npm run demo: a shop's history in, served recommendations out in all four patterns, what one more purchase changes, and why an answer is as it is.
//   npm run demo                    keeps serving at the end
//   npm run demo -- --once --json   prints one JSON summary and exits
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import {
  type App,
  type Clock,
  describeError,
  describeEvaluation,
  describeFunnel,
  describeGates,
  type EvaluatedFunnel,
  type EvaluationReport,
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
import { askAll, buy, makeAllLists } from './answers.ts'
import { compareFeatures, computeFeatures, reportChecks, showHistory, showTables } from './data-pipeline.ts'
import { explain } from './explained.ts'
import { showItems } from './items.ts'
import { catalogueOf, clientOf, count, customer, purchasedItem, type Shop, secondsSince, titleOf } from './shop.ts'

const isOnce = process.argv.includes('--once')
const asJson = process.argv.includes('--json')
const portArgument = process.argv.find((argument) => argument.startsWith('--port='))
const port = portArgument ? Number(portArgument.slice('--port='.length)) : isOnce ? 0 : 7700
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
    batch: await makeAllLists(app, say),
    ...(await answer(app)),
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

async function answer(app: App) {
  const running = await serve(app, { port })
  try {
    const catalogue = await catalogueOf(app)
    const shop: Shop = { app, running, client: clientOf(running.url), catalogue, say }
    const asked = await askAll(shop)
    const { home, ...bought } = await buy(shop, asked)
    const why = await explain(shop, home)
    const items = await showItems(shop)
    const known = await showKnown(shop)
    if (!isOnce) {
      say(`\nStill serving on ${running.url}. Ctrl+C ends it.`)
      await new Promise((resolve) => process.once('SIGINT', resolve))
    }
    const purchase = { itemId: purchasedItem, title: titleOf(catalogue, purchasedItem) }
    return { customer, purchase, before: asked.before, ...bought, ...why, ...items, ...known }
  } finally {
    await running.close()
  }
}

/** The purchase in the features, and in the tables that training reads. */
async function showKnown({ app, running, client }: Shop) {
  say(`\n11. What is known of customer ${customer}, now and half a year before`)
  await running.featuresCaughtUp()
  const features = await compareFeatures(client, { userId: customer, at: earlierDate }, say)
  if (!features.now.features.some(({ value }) => value === purchasedItem))
    throw new Error('The features do not know of the purchase.')

  say('\n12. The purchase in the tables that training reads: the newest versions')
  const tables = await openTables(app)
  await tables.sync()
  const tableHistory = await showHistory(tables, say)
  if (tableHistory[0]?.addedRowCount !== 1) throw new Error('The purchase is not the newest row of the tables.')
  return { features, tableHistory }
}

// millrace models: which models there are, which aliases name them, how that came about, and deleting those that nothing needs.
import { defineCommand } from 'citty'
import { type App, openApp } from '../app.ts'
import type { AliasMove, ModelDecision } from '../domain/registered-model.ts'
import { MillraceError } from '../lib/errors.ts'
import { collectModels } from '../training/collect-models.ts'
import { describeGates } from '../training/gates/judge.ts'
import type { BundleState, ModelEntry, UnregisteredBundle } from '../training/model-entry.ts'
import type { RegisteredModels } from '../training/registered-models.ts'
import { appArguments } from './app-arguments.ts'
import { countArgument } from './number-argument.ts'
import { printTable } from './table.ts'
import { timeArgument } from './time-argument.ts'

const json = { type: 'boolean', description: 'Print JSON', default: false } as const
const KEPT_COUNT_MAX = 100_000
const KEPT_DAYS_MAX = 36_500

const list = defineCommand({
  meta: { name: 'list', description: 'The models, newest first: status, aliases, metrics, age' },
  args: {
    all: { type: 'boolean', description: 'Those too that were deleted', default: false },
    ...appArguments,
    json,
  },
  run: ({ args }) =>
    withModels(args, async (models, { clock }) => {
      const { models: all, unregistered } = await models.list({ isThorough: true })
      const shown = all.filter(({ status }) => args.all || status !== 'deleted')
      if (args.json) return console.log(JSON.stringify({ models: shown, unregistered }))
      if (shown.length === 0 && unregistered.length === 0) {
        return console.log('No model has been trained yet. Run "millrace train".')
      }
      printTable(
        ['version', 'aliases', 'status', 'age', 'interactions', 'items', 'metrics'],
        [...shown.map((model) => rowOf(model, clock.now())), ...unregistered.map(strangerRow)],
      )
      for (const { version, bundle } of [...shown, ...unregistered]) {
        if (bundle.problem !== undefined) console.log(`${version}: ${bundle.problem}`)
      }
      if (shown.length > 0 && !shown.some(({ aliases }) => aliases.includes('champion'))) {
        console.log('No model is in charge. Run "millrace promote VERSION --reason TEXT".')
      }
    }),
})

const show = defineCommand({
  meta: { name: 'show', description: 'One model: where it comes from, its metrics, and whether its bundle is whole' },
  args: {
    version: { type: 'positional', description: 'A version of "millrace models list"', required: true },
    ...appArguments,
    json,
  },
  run: ({ args }) =>
    withModels(args, async (models) => {
      const model = await models.find(args.version, { isThorough: true })
      const moves = await models.audit({ version: args.version, limit: SHOWN_MOVE_COUNT })
      const [gates] = await models.gateReports(args.version, 1)
      if (args.json) return console.log(JSON.stringify({ ...model, moves, ...(gates && { gates }) }))
      const { lineage, bundle } = model
      printTable(
        ['model', model.version],
        [
          ['status', statusText(model)],
          ['aliases', model.aliases.join(', ') || 'none'],
          ['bundle', `${bundle.problem ?? bundle.state} (${megabytes(model.bundleBytes)} MB)`],
          ['used by', model.usedBy.map((pid) => `process ${pid}`).join(', ') || 'no running process'],
          ['trained', isoOf(lineage.trainedAtMs)],
          ['learned from', `${grouped(lineage.interactionCount)} interactions, the log before ${lineage.nextOffset}`],
          ['size', `${grouped(model.userCount)} users, ${grouped(model.itemCount)} items`],
          ['generators', model.generators.map(({ name, kind }) => `${name} (${kind})`).join(', ')],
          ['plan', lineage.planHash],
          ['commit', lineage.commit ?? 'outside a repository'],
          ['seed', String(lineage.seed)],
          ['Millrace', lineage.millraceVersion],
          ...model.metrics.map(({ name, value, interval: [low, high] }) => [
            name,
            `${value.toFixed(4)} (95 %: ${low.toFixed(4)} … ${high.toFixed(4)})`,
          ]),
        ],
      )
      console.log('')
      for (const line of gates ? describeGates(gates) : ['No gates have judged it.']) console.log(line)
      if (moves.length > 0) console.log('')
      printMoves(moves)
    }),
})

const audit = defineCommand({
  meta: { name: 'audit', description: 'What was in charge when, and who or what decided it, newest first' },
  args: {
    at: { type: 'string', description: 'A moment: what was in charge then, and the moves until then' },
    limit: { type: 'string', description: 'How many moves', default: '100' },
    ...appArguments,
    json,
  },
  run: ({ args }) =>
    withModels(args, async (models) => {
      const limit = countArgument('limit', args.limit, KEPT_COUNT_MAX)!
      const untilMs = args.at === undefined ? undefined : timeArgument('at', args.at)
      const moves = await models.audit({ limit, ...(untilMs !== undefined && { untilMs }) })
      const inCharge = untilMs === undefined ? undefined : await models.inChargeAt(untilMs)
      if (args.json) return console.log(JSON.stringify({ ...(inCharge && { inCharge }), moves }))
      if (untilMs !== undefined) console.log(inChargeText(untilMs, inCharge))
      if (untilMs === undefined && moves.length === 0) return console.log('No alias has moved yet.')
      if (moves.length > 0) printMoves(moves)
    }),
})

const gc = defineCommand({
  meta: { name: 'gc', description: 'Delete the models that no alias names, no process uses and no rule keeps' },
  args: {
    keep: { type: 'string', description: 'The newest so many stay', default: '5' },
    inChargeDays: { type: 'string', description: 'What was in charge within so many days stays', default: '30' },
    dryRun: { type: 'boolean', description: 'Only say what would be deleted', default: false },
    ...appArguments,
    json,
  },
  run: ({ args }) =>
    withModels(args, async (models) => {
      const newestCount = countArgument('keep', args.keep, KEPT_COUNT_MAX)!
      const inChargeDays = daysArgument(args.inChargeDays)
      const report = await collectModels(models, { newestCount, inChargeDays }, { isDryRun: args.dryRun })
      if (args.json) return console.log(JSON.stringify(report))
      for (const { version, why } of report.kept) console.log(`${version} stays: ${why}`)
      for (const { version, problem } of report.unreadable) console.log(`${version} is left alone: ${problem}`)
      const done = args.dryRun ? 'would be deleted' : 'is deleted'
      for (const { version, bundleBytes } of report.deleted) {
        console.log(`${version} ${done}, ${megabytes(bundleBytes)} MB`)
      }
      if (report.deleted.length === 0) console.log('There is nothing to delete.')
    }),
})

export default defineCommand({
  meta: { name: 'models', description: 'The models: which there are, which one is in charge, and how that came about' },
  subCommands: { list, show, audit, gc },
  default: 'list',
})

const SHOWN_MOVE_COUNT = 20
const HOUR_MS = 3_600_000
const DAY_HOURS = 24

async function withModels(
  args: { readonly system?: string | undefined; readonly data?: string | undefined },
  work: (models: RegisteredModels, app: App) => Promise<void>,
): Promise<void> {
  const app = await openApp({ systemFile: args.system, dataDir: args.data })
  try {
    await work(await app.models(), app)
  } finally {
    await app.close()
  }
}

function rowOf(model: ModelEntry, nowMs: number): readonly string[] {
  return [
    model.version,
    model.aliases.join(', ') || '–',
    `${statusText(model)}${bundleText(model.bundle)}`,
    ageText(nowMs - model.lineage.trainedAtMs),
    grouped(model.lineage.interactionCount),
    grouped(model.itemCount),
    model.metrics.map(({ name, value }) => `${name} ${value.toFixed(4)}`).join(', ') || '–',
  ]
}

const strangerRow = ({ version, bundle }: UnregisteredBundle): readonly string[] => [
  version,
  '–',
  `unregistered${bundleText(bundle)}`,
  ...Array(4).fill('–'),
]

const statusText = ({ status }: ModelEntry): string => (status === 'retired' ? 'retired, being deleted' : status)

const bundleText = ({ state }: BundleState): string => (state === 'whole' || state === 'removed' ? '' : `, ${state}`)

function ageText(ageMs: number): string {
  const hours = Math.max(0, Math.floor(ageMs / HOUR_MS))
  return hours < 2 * DAY_HOURS ? `${hours} h` : `${Math.floor(hours / DAY_HOURS)} days`
}

function printMoves(moves: readonly AliasMove[]): void {
  printTable(
    ['moment', 'alias', 'from', 'to', 'by', 'with', 'why'],
    moves.map(({ alias, from, to, atMs, decision }) => [
      isoOf(atMs),
      alias,
      from ?? '–',
      to ?? '–',
      decision.by,
      decision.gateRunId === undefined ? decision.command : `${decision.command}, gates ${decision.gateRunId}`,
      whyText(decision),
    ]),
  )
}

const whyText = ({ why, override }: ModelDecision): string =>
  override === undefined ? why : `${why} (overrides the gates${override === why ? '' : `: ${override}`})`

function inChargeText(atMs: number, move: AliasMove | undefined): string {
  if (move === undefined) return `Nothing was in charge at ${isoOf(atMs)}.`
  const { by, command, why } = move.decision
  return `${move.to} was in charge at ${isoOf(atMs)}, since ${isoOf(move.atMs)}: ${by} decided (${command}). ${why}`
}

function daysArgument(text: string): number {
  const days = Number(text)
  if (text.trim() !== '' && days >= 0 && days <= KEPT_DAYS_MAX) return days
  throw new MillraceError('CLI_USAGE', `--in-charge-days is ${JSON.stringify(text)}, expected 0 to ${KEPT_DAYS_MAX}.`)
}

const isoOf = (timeMs: number): string => new Date(timeMs).toISOString()
const grouped = (count: number): string => count.toLocaleString('en-US')
const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(1)

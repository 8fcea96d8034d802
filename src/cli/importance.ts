// millrace importance: what a model's ranker makes of each feature, and what it would lose without it.
import { defineCommand } from 'citty'
import { importanceRequest, importanceRun } from '../app/importance-run.ts'
import { type ImportanceOptions, measureImportance } from '../app/measure-importance.ts'
import { recordRun } from '../app/record-run.ts'
import { openApp } from '../app.ts'
import { MillraceError } from '../lib/errors.ts'
import { describeMeasuredImportance } from '../training/measured-importance.ts'
import { modelArguments } from './app-arguments.ts'
import { countArgument, momentArgument, shareArgument } from './number-argument.ts'
import { wishOf } from './run-arguments.ts'

/** As long as the longest answer of the server. */
const LIST_LENGTH_MAX = 1000

/** What is trained on what must not be told in vain. @throws MillraceError CLI_USAGE */
function assertMeasures({ permutation, leaveOneOut, version: _, ...told }: Omit<ImportanceOptions, 'log'>): void {
  const [name] = Object.entries(told).find(([, value]) => value !== undefined) ?? []
  if (permutation || leaveOneOut || name === undefined) return
  throw new MillraceError(
    'CLI_USAGE',
    `Nothing is measured, so ${JSON.stringify(name)} says nothing: gains are of the trees as they are.`,
    { fix: 'Add --permutation or --leave-one-out.' },
  )
}

export default defineCommand({
  meta: {
    name: 'importance',
    description: "Each feature's part of what a model's trees gained; on request what the ranking loses without it",
  },
  args: {
    ...modelArguments,
    permutation: {
      type: 'boolean',
      description: 'Mix each feature up, on moments later than the model learned from',
      default: false,
    },
    leaveOneOut: {
      type: 'boolean',
      description:
        'Train without each feature, on what came before a split: a training of the ranker per feature, and one more',
      default: false,
    },
    testShare: {
      type: 'string',
      description:
        'Share of the newest interactions to ask about (default: 0.2); --permutation is then of a ranker trained on what came before',
    },
    splitAt: { type: 'string', description: 'The moment to split at, instead of a share, such as 2026-01-31' },
    k: { type: 'string', description: 'Length of the lists (default: 20)' },
    questions: { type: 'string', description: 'Moments to ask about at most (default: 2000)' },
    threads: { type: 'string', description: 'Threads to train with (default: all processors)' },
    json: { type: 'boolean', description: 'Print JSON', default: false },
  },
  async run({ args }) {
    const told = {
      version: args.version,
      permutation: args.permutation,
      leaveOneOut: args.leaveOneOut,
      testShare: shareArgument('test-share', args.testShare),
      splitAtMs: momentArgument('split-at', args.splitAt),
      k: countArgument('k', args.k, LIST_LENGTH_MAX),
      questionCountMax: countArgument('questions', args.questions),
      threadCount: countArgument('threads', args.threads),
    }
    assertMeasures(told)
    const log = (line: string): void => console.error(line)
    const app = await openApp({ systemFile: args.system, dataDir: args.data })
    try {
      const isMeasured = told.permutation || told.leaveOneOut
      const wish = wishOf('importance', { command: 'millrace importance', options: importanceRequest(told) })
      // Gains are looked up, not worked out: that is no run.
      const measured = await (isMeasured
        ? recordRun(app, wish, (recorder) => importanceRun(recorder, log))
        : measureImportance(app, { ...told, log }))
      if (args.json) return console.log(JSON.stringify(measured))
      for (const line of describeMeasuredImportance(measured)) console.log(line)
    } finally {
      await app.close()
    }
  },
})

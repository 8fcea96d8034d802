// millrace evaluate: how good are the models of the system file, on newer interactions than they learned from?
import { defineCommand } from 'citty'
import { checkedRankerFile } from '../app/checked-ranker.ts'
import { evaluateFunnel } from '../app/evaluate-funnel.ts'
import { evaluateOnHeldOut } from '../app/evaluate-models.ts'
import { recordRun } from '../app/record-run.ts'
import { readTrainingInput } from '../app/training-input.ts'
import { funnelMetricsOf, metricsOf } from '../app/training-run.ts'
import { openApp } from '../app.ts'
import { heldOutSource } from '../data/files-to-import.ts'
import { readHeldOut } from '../data/read-held-out.ts'
import { describeFunnel } from '../training/evaluate-funnel.ts'
import { describeEvaluation } from '../training/evaluation-report.ts'
import { describeAllSlices, describeHeldOutSlices, toldSlices } from '../training/held-out-slices.ts'
import { appArguments } from './app-arguments.ts'
import { countArgument, momentArgument, shareArgument } from './number-argument.ts'
import { wishOf } from './run-arguments.ts'

/** As long as the longest answer of the server. */
const LIST_LENGTH_MAX = 1000

export default defineCommand({
  meta: { name: 'evaluate', description: 'Measure models against popularity and item neighbours' },
  args: {
    ...appArguments,
    k: { type: 'string', description: 'Length of the lists (default: 20)' },
    testShare: { type: 'string', description: 'Share of the newest interactions to ask about (default: 0.2)' },
    splitAt: { type: 'string', description: 'The moment to split at, instead of a share, such as 2026-01-31' },
    test: {
      type: 'string',
      description: 'A file of held-out pairs, instead of a split by time: everything in the log is learned from',
    },
    columns: {
      type: 'string',
      description: 'Where --test has them: userId=customer,itemId=sku (default: userId and itemId)',
    },
    slices: {
      type: 'boolean',
      description: 'Show every slice of users and items, not only the weak ones',
      default: false,
    },
    threads: { type: 'string', description: 'Threads to train with (default: all processors)' },
    json: { type: 'boolean', description: 'Print the report as JSON', default: false },
  },
  async run({ args }) {
    const options = {
      k: countArgument('k', args.k, LIST_LENGTH_MAX),
      testShare: shareArgument('test-share', args.testShare),
      splitAtMs: momentArgument('split-at', args.splitAt),
      threadCount: countArgument('threads', args.threads),
      log: (line: string) => console.error(line),
    }
    const app = await openApp({ systemFile: args.system, dataDir: args.data })
    try {
      const heldOut = args.test === undefined ? undefined : await readHeldOut(heldOutSource(args.test, args.columns))
      const { log: _, ...told } = options
      const stated = Object.entries({ ...told, test: args.test }).flatMap(([name, value]) =>
        value === undefined ? [] : [[name, value] as const],
      )
      const wish = wishOf('evaluate', { command: 'millrace evaluate', options: Object.fromEntries(stated) })
      const report = await recordRun(app, wish, async (recorder) => {
        if (!heldOut) await checkedRankerFile(recorder.app)
        const input = await readTrainingInput(recorder.app)
        const { report: found, slices } = await evaluateOnHeldOut(recorder.app, input, { ...options, heldOut })
        const funnel = heldOut ? undefined : await evaluateFunnel(recorder.app, input, options)
        const lines = [
          ...describeEvaluation(found),
          '',
          ...describeHeldOutSlices(slices),
          ...(args.slices ? ['', ...describeAllSlices(slices)] : []),
          ...(funnel ? ['', ...describeFunnel(funnel)] : []),
        ]
        for (const line of lines) recorder.log(line)
        await recorder.addMetrics([...metricsOf(found), ...(funnel ? funnelMetricsOf(funnel.report) : [])])
        return { lines, found: { ...found, slices: toldSlices(slices), ...(funnel && { funnel: funnel.report }) } }
      })
      if (args.json) console.log(JSON.stringify(report.found))
      else for (const line of report.lines) console.log(line)
    } finally {
      await app.close()
    }
  },
})

// millrace export: a model's ranker as a file that other servers run.
import { resolve } from 'node:path'
import { defineCommand } from 'citty'
import { exportOnnx } from '../app/export-onnx.ts'
import { openApp } from '../app.ts'
import { modelArguments } from './app-arguments.ts'
import { countArgument } from './number-argument.ts'

const ROWS_MAX = 10_000_000

export default defineCommand({
  meta: { name: 'export', description: "Write a model's ranker as an ONNX file, and compare it in onnxruntime" },
  args: {
    ...modelArguments,
    onnx: { type: 'string', description: 'The file to write', required: true },
    rows: { type: 'string', description: 'Rows to compare on (default: 100000)' },
    json: { type: 'boolean', description: 'Print JSON', default: false },
  },
  async run({ args }) {
    const rowCount = countArgument('rows', args.rows, ROWS_MAX)
    const app = await openApp({ systemFile: args.system, dataDir: args.data })
    try {
      const made = await exportOnnx(app, { version: args.version, path: resolve(args.onnx), rowCount })
      if (args.json) return console.log(JSON.stringify(made))
      const { rowCount: compared, largestDifference, misplacedCount } = made.comparison
      const order = misplacedCount === 0 ? 'in the same order' : `${misplacedCount} of them in another order`
      console.log(`${made.path}: the ranker of ${made.version}, ${made.treeCount} trees, ${made.bytes} bytes`)
      console.log(`In onnxruntime ${compared} rows score within ${largestDifference.toPrecision(2)}, ${order}.`)
      console.log(`Input "features", float32, rows x ${made.featureNames.length}: ${made.featureNames.join(', ')}`)
    } finally {
      await app.close()
    }
  },
})

// millrace export: a model's ranker as a file that other servers run.
import { resolve } from 'node:path'
import { defineCommand } from 'citty'
import { exportOnnx, type OnnxExport } from '../app/export-onnx.ts'
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
      for (const line of linesOf(made)) console.log(line)
    } finally {
      await app.close()
    }
  },
})

function linesOf({ path, version, bytes, featureNames, treeCount, comparison }: OnnxExport): readonly string[] {
  if (comparison === undefined) {
    return [
      `${path}: the ranker of ${version} as it came, ${bytes} bytes`,
      `Features, in its order: ${featureNames.join(', ')}`,
    ]
  }
  const { rowCount, largestDifference, misplacedCount } = comparison
  const order = misplacedCount === 0 ? 'in the same order' : `${misplacedCount} of them in another order`
  return [
    `${path}: the ranker of ${version}, ${treeCount} trees, ${bytes} bytes`,
    `In onnxruntime ${rowCount} rows score within ${largestDifference.toPrecision(2)}, ${order}.`,
    `Input "features", float32, rows x ${featureNames.length}: ${featureNames.join(', ')}`,
  ]
}

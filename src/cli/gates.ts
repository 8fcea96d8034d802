// millrace gates: what stood between a model and its alias.
import { defineCommand } from 'citty'
import { meantVersion } from '../app/meant-version.ts'
import { openApp } from '../app.ts'
import { describeGates } from '../training/gates/judge.ts'
import { modelArguments } from './app-arguments.ts'

export default defineCommand({
  meta: {
    name: 'gates',
    description: 'What the gates measured of a model, against what, and whether they let it through',
  },
  args: {
    ...modelArguments,
    json: { type: 'boolean', description: 'Print the report as JSON', default: false },
  },
  async run({ args }) {
    const app = await openApp({ systemFile: args.system, dataDir: args.data })
    try {
      const models = await app.models()
      const version = await meantVersion(app, args.version)
      await models.find(version, { isThorough: false })
      const [report] = await models.gateReports(version, 1)
      if (args.json) console.log(JSON.stringify({ version, ...(report && { report }) }))
      else if (report === undefined) console.log(`No gates have judged ${version}.`)
      else
        for (const line of [
          `${version}, judged ${new Date(report.judgedAtMs).toISOString()}`,
          ...describeGates(report),
        ])
          console.log(line)
    } finally {
      await app.close()
    }
  },
})

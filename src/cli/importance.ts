// millrace importance: what a model's trees make of each feature.
import { defineCommand } from 'citty'
import { rankerTrees } from '../app/ranker-trees.ts'
import { openApp } from '../app.ts'
import { describeImportance, treeImportance } from '../training/importance.ts'
import { modelArguments } from './app-arguments.ts'

export default defineCommand({
  meta: {
    name: 'importance',
    description: "Each feature's part of what the trees gained, and how often they ask for it",
  },
  args: {
    ...modelArguments,
    json: { type: 'boolean', description: 'Print JSON', default: false },
  },
  async run({ args }) {
    const app = await openApp({ systemFile: args.system, dataDir: args.data })
    try {
      const { version, trees, featureNames } = await rankerTrees(app, args.version)
      const gain = treeImportance(trees, featureNames)
      if (args.json) return console.log(JSON.stringify({ version, gain }))
      for (const line of describeImportance({ gain })) console.log(line)
    } finally {
      await app.close()
    }
  },
})

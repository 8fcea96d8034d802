// millrace card: what a person should know of a model, as Markdown.
import { defineCommand } from 'citty'
import { meantVersion } from '../app/meant-version.ts'
import { modelCardOf } from '../app/model-card.ts'
import { openApp } from '../app.ts'
import { modelCardMarkdown } from '../training/model-card.ts'
import { modelArguments } from './app-arguments.ts'

export default defineCommand({
  meta: { name: 'card', description: "A model's card: its use, limits, data, quality, gates and history" },
  args: {
    ...modelArguments,
    json: { type: 'boolean', description: 'Print JSON', default: false },
  },
  async run({ args }) {
    const app = await openApp({ systemFile: args.system, dataDir: args.data })
    try {
      const card = await modelCardOf(app, await meantVersion(app, args.version))
      console.log(args.json ? JSON.stringify(card) : modelCardMarkdown(card).trimEnd())
    } finally {
      await app.close()
    }
  },
})

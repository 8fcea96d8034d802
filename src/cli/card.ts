// millrace card: what a person should know of a model, as Markdown.
import { defineCommand } from 'citty'
import { modelCardOf } from '../app/model-card.ts'
import { openApp } from '../app.ts'
import { modelCardMarkdown } from '../training/model-card.ts'
import { appArguments } from './app-arguments.ts'
import { meantVersion } from './meant-version.ts'

export default defineCommand({
  meta: { name: 'card', description: "A model's card: its use, limits, data, quality, gates and history" },
  args: {
    version: {
      type: 'positional',
      description: 'A version of "millrace models" (default: the one in charge)',
      required: false,
    },
    ...appArguments,
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

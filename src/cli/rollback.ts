// millrace rollback: the model that was in charge before is in charge again.
import { defineCommand } from 'citty'
import { openApp } from '../app.ts'
import { aliasArguments, decisionOf, outcomeText } from './alias-arguments.ts'

export default defineCommand({
  meta: {
    name: 'rollback',
    description: 'Put the previous model in charge again; running servers follow within a second',
  },
  args: aliasArguments,
  async run({ args }) {
    const { expect: expected } = args
    const decision = decisionOf('millrace rollback', args)
    const app = await openApp({ systemFile: args.system, dataDir: args.data })
    try {
      const models = await app.models()
      const outcome = await models.rollBack({ ...(expected !== undefined && { expected }), decision })
      console.log(args.json ? JSON.stringify(outcome) : outcomeText(outcome))
    } finally {
      await app.close()
    }
  },
})

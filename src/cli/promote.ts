// millrace promote: a model gets an alias, once its bundle was found whole.
import { defineCommand } from 'citty'
import { openApp } from '../app.ts'
import { MillraceError } from '../lib/errors.ts'
import { aliasArguments, decisionOf, outcomeText } from './alias-arguments.ts'

export default defineCommand({
  meta: { name: 'promote', description: 'Put a model in charge, or on trial; running servers follow within a second' },
  args: {
    version: { type: 'positional', description: 'A version of "millrace models"', required: true },
    as: { type: 'string', description: 'champion or challenger', default: 'champion' },
    ...aliasArguments,
  },
  async run({ args }) {
    const { version, expect: expected } = args
    const as = aliasArgument(args.as)
    const decision = decisionOf('millrace promote', args)
    const app = await openApp({ systemFile: args.system, dataDir: args.data })
    try {
      const models = await app.models()
      const outcome = await models.promote({ version, as, ...(expected !== undefined && { expected }), decision })
      console.log(args.json ? JSON.stringify(outcome) : outcomeText(outcome))
    } finally {
      await app.close()
    }
  },
})

function aliasArgument(text: string): 'champion' | 'challenger' {
  if (text === 'champion' || text === 'challenger') return text
  throw new MillraceError('CLI_USAGE', `--as is ${JSON.stringify(text)}, expected champion or challenger.`, {
    fix:
      text === 'previous' ? 'To go back to the previous model, run "millrace rollback".' : 'Leave it out for champion.',
  })
}

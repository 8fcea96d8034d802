// millrace promote: a model gets an alias, once the gates let it through and its bundle was found whole.
import { defineCommand } from 'citty'
import { promoteModel } from '../app/promote-model.ts'
import { openApp } from '../app.ts'
import { MillraceError } from '../lib/errors.ts'
import { aliasArguments, decisionOf, outcomeText, overrideArgument } from './alias-arguments.ts'

export default defineCommand({
  meta: { name: 'promote', description: 'Put a model in charge, or on trial; running servers follow within a second' },
  args: {
    version: { type: 'positional', description: 'A version of "millrace models"', required: true },
    as: { type: 'string', description: 'champion or challenger', default: 'champion' },
    ...aliasArguments,
    reason: { type: 'string', description: 'Why, for those who ask later; --override may say it instead' },
    override: { type: 'string', description: 'Why it gets the alias although the gates have not let it through' },
  },
  async run({ args }) {
    const { version, expect: expected } = args
    const as = aliasArgument(args.as)
    const override = overrideArgument(args)
    const decision = decisionOf('millrace promote', { ...args, reason: reasonOf(args), override })
    const app = await openApp({ systemFile: args.system, dataDir: args.data })
    try {
      const outcome = await promoteModel(app, { version, as, ...(expected !== undefined && { expected }), decision })
      console.log(args.json ? JSON.stringify(outcome) : outcomeText(outcome))
    } finally {
      await app.close()
    }
  },
})

function reasonOf({ reason, override }: { readonly reason?: string; readonly override?: string }): string {
  const given = reason ?? override
  if (given !== undefined) return given
  throw new MillraceError('CLI_USAGE', 'Missing required argument: --reason.', {
    fix: 'Say why, for those who ask later.',
  })
}

function aliasArgument(text: string): 'champion' | 'challenger' {
  if (text === 'champion' || text === 'challenger') return text
  throw new MillraceError('CLI_USAGE', `--as is ${JSON.stringify(text)}, expected champion or challenger.`, {
    fix:
      text === 'previous' ? 'To go back to the previous model, run "millrace rollback".' : 'Leave it out for champion.',
  })
}

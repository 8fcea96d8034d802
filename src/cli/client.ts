// millrace client: the names of the system as types, for code that cannot import the system file.
import { writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { defineCommand } from 'citty'
import { clientSource } from '../config/client-source.ts'
import { loadSystem } from '../config/load-system.ts'
import { MillraceError } from '../lib/errors.ts'
import { appArguments } from './app-arguments.ts'

export default defineCommand({
  meta: {
    name: 'client',
    description: 'Write the names of placements, interactions, generators and attributes as types for createClient',
  },
  args: {
    system: appArguments.system,
    out: {
      type: 'string',
      description:
        'The file to write, .ts or .d.ts; the latter holds types alone, so no hash to compare with the server',
      required: true,
    },
  },
  async run({ args }) {
    const path = resolve(args.out)
    if (!path.endsWith('.ts')) {
      throw new MillraceError('CLI_USAGE', `--out is "${args.out}", expected a name that ends in .ts or .d.ts.`)
    }
    const { plan } = await loadSystem(args.system)
    try {
      writeFileSync(path, clientSource(plan, { isDeclaration: path.endsWith('.d.ts') }))
    } catch (cause) {
      throw new MillraceError('CLIENT_UNWRITABLE', `--out ${args.out}: ${(cause as Error).message}.`, {
        fix: 'Choose a file in a folder that exists and can be written to.',
        cause,
      })
    }
    console.log(`${args.out}: the names of ${plan.name}, plan ${plan.hash.slice(0, 12)}`)
  },
})

// millrace init: a working project for a newcomer, asked for on a terminal and given by flags in a script.
import { userInfo } from 'node:os'
import { basename, relative, resolve } from 'node:path'
import * as prompts from '@clack/prompts'
import { defineCommand } from 'citty'
import { systemClock } from '../lib/clock.ts'
import { MillraceError } from '../lib/errors.ts'
import { writeProject } from './new-project.ts'

const NAME = /^[a-z][a-z0-9-]{0,62}$/

export default defineCommand({
  meta: { description: 'Make a new project with a system file and sample data' },
  args: {
    folder: {
      type: 'positional',
      required: false,
      description: 'Where to make it; asked for on a terminal. Default: my-shop',
    },
    name: { type: 'string', description: 'Name of the system. Default: the name of the folder' },
    owner: { type: 'string', description: 'Who is responsible, such as an e-mail address. Default: your user name' },
    yes: { type: 'boolean', alias: 'y', description: 'Ask nothing, take the defaults' },
  },
  async run({ args }) {
    const asks = process.stdin.isTTY && process.stdout.isTTY && !args.yes && args.folder === undefined
    const answers = asks ? await ask(args) : args
    const folder = resolve(answers.folder ?? 'my-shop')
    const name = answers.name ?? nameOf(folder)
    if (!NAME.test(name)) {
      throw new MillraceError(
        'CLI_USAGE',
        `"${name}" cannot name a system, expected lower-case letters, digits and hyphens, beginning with a letter.`,
        {
          fix: 'Give another with --name.',
        },
      )
    }
    const owner = (answers.owner ?? defaultOwner()).replace(/[^\P{C}]|['\\]/gu, '').trim() || 'me'
    const files = writeProject({ folder, name, owner, nowMs: systemClock.now() })
    console.log(farewell(folder, files))
  },
})

interface Answers {
  readonly folder?: string | undefined
  readonly name?: string | undefined
  readonly owner?: string | undefined
}

async function ask(given: Answers): Promise<Answers> {
  prompts.intro('A new recommender')
  const folder = await answer(
    prompts.text({ message: 'Which folder?', placeholder: 'my-shop', defaultValue: 'my-shop' }),
  )
  const name =
    given.name ??
    (await answer(
      prompts.text({
        message: 'Its name?',
        placeholder: nameOf(folder),
        defaultValue: nameOf(folder),
        validate: (text) =>
          text && !NAME.test(text) ? 'Lower-case letters, digits and hyphens, beginning with a letter.' : undefined,
      }),
    ))
  const owner =
    given.owner ??
    (await answer(
      prompts.text({
        message: 'Who is responsible for it?',
        placeholder: defaultOwner(),
        defaultValue: defaultOwner(),
      }),
    ))
  prompts.outro(`Making ${name} ...`)
  return { folder, name, owner }
}

async function answer(question: Promise<string | symbol>): Promise<string> {
  const text = await question
  if (typeof text === 'string') return text
  prompts.cancel('Nothing was written.')
  // 130 is what shells report for a command ended by Ctrl+C.
  process.exit(130)
}

function nameOf(folder: string): string {
  const letters = basename(resolve(folder))
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^[^a-z]+|-+$/g, '')
  return letters.slice(0, 63) || 'my-shop'
}

function defaultOwner(): string {
  try {
    return userInfo().username || 'me'
  } catch {
    // A container's user may have no entry in the user database.
    return 'me'
  }
}

function farewell(folder: string, files: readonly string[]): string {
  const place = relative(process.cwd(), folder)
  const steps = [
    ...(place === '' ? [] : [`cd ${place}`]),
    'npm install',
    'npm run import',
    'npm run train',
    'npm run dev',
  ]
  return `Wrote ${files.length} files to ${folder}:\n${files.map((file) => `  ${file}`).join('\n')}\n\nNext:\n${steps.map((step) => `  ${step}`).join('\n')}`
}

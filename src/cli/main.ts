// The command line's frame: finds the command, loads only that one, and turns every failure into a message and an exit code.
import { readFileSync } from 'node:fs'
import type { CommandDef } from 'citty'
import { MillraceError } from '../lib/errors.ts'
import { suggestName } from '../lib/nearest-name.ts'
import { commandNames, commands } from './commands.ts'
import { printError } from './errors-output.ts'
import { mainHelp } from './help.ts'
import { runCommandLine } from './run-command.ts'

/**
 * Runs one command line.
 * @param args what follows `millrace`
 * @returns the exit code: 0, or the one of the error's code
 */
export async function main(args: readonly string[]): Promise<number> {
  // `millrace ... | head` closes the pipe early; that is no failure.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0)
    throw error
  })
  // What a thread or a stream throws belongs to no call that could be awaited.
  process.on('uncaughtException', (error) => process.exit(printError(error)))
  try {
    await dispatch(args)
    return 0
  } catch (error) {
    return printError(error)
  }
}

async function dispatch([name, ...rest]: readonly string[]): Promise<void> {
  if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
    const asked = rest[0]
    if (name === 'help' && asked !== undefined) return runCommandLine(asked, await commandNamed(asked), ['--help'])
    console.log(mainHelp(version()))
  } else if (name === '--version' || name === '-v') {
    console.log(version())
  } else {
    await runCommandLine(name, await commandNamed(name), rest)
  }
}

async function commandNamed(name: string): Promise<CommandDef> {
  const command = commands.find((known) => known.name === name)
  if (command) return (await command.load()).default as CommandDef
  throw new MillraceError('CLI_USAGE', `There is no command "${name}".`, { fix: suggestName(name, commandNames) })
}

/** The version of this package. */
function version(): string {
  return JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')).version
}

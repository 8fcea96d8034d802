// Walks from a command to the subcommand that is meant, checks its options by name, and runs it. citty parses; it neither rejects an unknown
// option nor knows our errors.
import { type ArgsDef, type CommandDef, parseArgs, renderUsage, runCommand } from 'citty'
import { MillraceError } from '../lib/errors.ts'
import { suggestName } from '../lib/nearest-name.ts'

/**
 * Runs `millrace <name> <args>`, or prints its help where `args` ask for it.
 * @throws MillraceError CLI_USAGE for an unknown subcommand or option, a missing value, or a word that the command has no place for
 */
export async function runCommandLine(name: string, command: CommandDef, args: readonly string[]): Promise<void> {
  const target = await meantCommand({ path: `millrace ${name}`, command, args })
  if (asksForHelp(target.args)) {
    console.log(await usageOf(target))
    return
  }
  await checkOptions(target)
  try {
    await checkWords(target)
    await runCommand(target.command, { rawArgs: [...target.args] })
  } catch (error) {
    if (error instanceof Error && error.name === 'CLIError')
      throw usageError(error.message, target.path, { cause: error })
    throw error
  }
}

interface Target {
  /** The words that lead to the command. */
  readonly path: string
  readonly command: CommandDef
  /** What follows them. */
  readonly args: readonly string[]
}

async function meantCommand(target: Target): Promise<Target> {
  const subCommands = await resolved(target.command.subCommands)
  if (!subCommands) return target
  const [name, ...rest] = target.args
  const names = Object.keys(subCommands)
  const byDefault = (await resolved(target.command.default)) ?? ''
  if ((name === undefined || name.startsWith('-')) && names.includes(byDefault) && !asksForHelp(target.args)) {
    const command = (await resolved(subCommands[byDefault])) as CommandDef
    return meantCommand({ path: `${target.path} ${byDefault}`, command, args: target.args })
  }
  if (name === undefined || name.startsWith('-')) {
    if (target.command.run !== undefined || asksForHelp(target.args)) return target
    throw usageError(`${target.path} needs to know what to do.`, target.path, { hint: `Known: ${names.join(', ')}.` })
  }
  if (!names.includes(name)) {
    if (target.command.run !== undefined) return target
    throw usageError(`There is no command "${target.path} ${name}".`, target.path, { hint: suggestName(name, names) })
  }
  const command = (await resolved(subCommands[name])) as CommandDef
  return meantCommand({ path: `${target.path} ${name}`, command, args: rest })
}

async function checkOptions({ path, command, args }: Target): Promise<void> {
  const definitions = ((await resolved(command.args)) ?? {}) as ArgsDef
  const known = Object.entries(definitions).flatMap(([name, definition]) => {
    if (definition.type === 'positional') return []
    const aliases = 'alias' in definition && definition.alias !== undefined ? [definition.alias].flat() : []
    return [name, ...aliases]
  })
  const spellings = new Set(known.flatMap((name) => [camelCase(name), camelCase(`no-${name}`)]))
  const end = args.indexOf('--')
  for (const arg of end === -1 ? args : args.slice(0, end)) {
    const option = /^--([^=]+)/.exec(arg)?.[1]
    if (option === undefined || spellings.has(camelCase(option))) continue
    const hint =
      known.length === 0
        ? 'It has no options.'
        : suggestName(`--${option}`, known.filter((name) => name.length > 1).map(dashed))
    throw usageError(`${path} has no option "--${option}".`, path, { hint })
  }
}

/** A word too many was meant to say something: `data sync events` must not sync everything. */
async function checkWords({ path, command, args }: Target): Promise<void> {
  const definitions = ((await resolved(command.args)) ?? {}) as ArgsDef
  const places = Object.keys(definitions).filter((name) => definitions[name]!.type === 'positional')
  // As the help shows it, too: "WHAT..." takes as many as there are.
  if (places.some((name) => name.endsWith('...'))) return
  const surplus = parseArgs([...args], definitions)._[places.length]
  if (surplus === undefined) return
  const hint = places.length === 0 ? 'It takes options only.' : undefined
  throw usageError(`${path} has no place for ${JSON.stringify(surplus)}.`, path, hint === undefined ? {} : { hint })
}

async function usageOf({ path, command }: Target): Promise<string> {
  const meta = (await resolved(command.meta)) ?? {}
  const usage = await renderUsage({ ...command, meta: { ...meta, name: path } })
  // As the documentation and the errors spell options; both spellings are taken.
  return usage.replaceAll(/(?<=--)[a-z]+[A-Z]\w*/g, (option) => dashed(option).slice(2)).trimEnd()
}

function usageError(
  message: string,
  path: string,
  options: { readonly hint?: string; readonly cause?: unknown },
): MillraceError {
  const help = `See "${path} --help".`
  return new MillraceError('CLI_USAGE', message, {
    fix: options.hint === undefined ? help : `${options.hint} ${help}`,
    ...(options.cause !== undefined && { cause: options.cause }),
  })
}

const asksForHelp = (args: readonly string[]): boolean => args.includes('--help') || args.includes('-h')

const dashed = (name: string): string => `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`

const camelCase = (name: string): string => name.replace(/-+([a-z])/g, (_, letter: string) => letter.toUpperCase())

/** Parts of a citty command may be values, promises, or functions of either. */
async function resolved<T>(part: T | Promise<T> | (() => T | Promise<T>)): Promise<T> {
  return typeof part === 'function' ? (part as () => T | Promise<T>)() : part
}

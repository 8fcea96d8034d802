// What a person sees when a command fails, and what a script gets.
import { describeError, MillraceError } from '../lib/errors.ts'

/** Exit code of an error that nobody foresaw: "internal software error" of sysexits.h. */
const UNEXPECTED_EXIT_CODE = 70

/**
 * Prints a failure on the error stream: an expected one in full, an unexpected one in a line with the way to its stack trace.
 * @returns the exit code
 */
export function printError(error: unknown): number {
  const wantsStack = process.env.MILLRACE_DEBUG === '1'
  if (error instanceof MillraceError) {
    console.error(describeError(error))
    if (wantsStack) console.error(error.stack, error.cause ?? '')
    return error.exitCode
  }
  const message = error instanceof Error ? `${error.name}: ${error.message}` : String(error)
  console.error(`Unexpected error: ${message.split('\n')[0]}`)
  if (wantsStack) console.error(error)
  else console.error('Run the command with MILLRACE_DEBUG=1 to see where it happened, and report it with that output.')
  return UNEXPECTED_EXIT_CODE
}

// Where a running system says what it does. One line per entry; secrets never go in, so nothing has to take them out again.
import type { Clock } from './clock.ts'

export type LogLevel = 'debug' | 'info' | 'warn' | 'error'
export type LogFields = Readonly<Record<string, unknown>>

export interface Logger {
  debug(message: string, fields?: LogFields): void
  info(message: string, fields?: LogFields): void
  warn(message: string, fields?: LogFields): void
  error(message: string, fields?: LogFields): void
}

/** One JSON object per line: `{"time":"2026-01-01T00:00:00.000Z","level":"info","message":"...", ...fields}`. An `Error` among the fields is written with its stack. */
export function jsonLogger(options: {
  readonly clock: Clock
  readonly write: (line: string) => void
  /** Entries below this level are not written; "info" where it is left out. */
  readonly level?: LogLevel
}): Logger {
  const levels: readonly LogLevel[] = ['debug', 'info', 'warn', 'error']
  const lowest = levels.indexOf(options.level ?? 'info')
  const at = (level: LogLevel) => {
    if (levels.indexOf(level) < lowest) return () => {}
    return (message: string, fields?: LogFields): void => {
      const entry = { time: new Date(options.clock.now()).toISOString(), level, message, ...fields }
      options.write(`${JSON.stringify(entry, (_, value) => (value instanceof Error ? describe(value) : value))}\n`)
    }
  }
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
}

/** Says nothing. */
export const silentLogger: Logger = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }

function describe(error: Error): LogFields {
  const described = { name: error.name, message: error.message, stack: error.stack }
  return error.cause === undefined ? described : { ...described, cause: error.cause }
}

// The arguments of the commands that answer over HTTP.
import { MillraceError } from '../lib/errors.ts'

export const serverArguments = {
  host: {
    type: 'string',
    description: 'Address to listen on; any but loopback needs API keys',
    default: '127.0.0.1',
  },
  port: { type: 'string', description: 'Port to listen on; 0 takes a free one', default: '7700' },
  requireKey: { type: 'boolean', description: 'Ask for an API key on loopback too', default: false },
  allowOrigin: { type: 'string', description: 'Web origins that may call from a browser, separated by commas' },
} as const

/** @throws MillraceError CLI_USAGE */
export function portNumber(text: string): number {
  const port = text.trim() === '' ? Number.NaN : Number(text)
  if (Number.isInteger(port) && port >= 0 && port <= 65_535) return port
  throw new MillraceError('CLI_USAGE', `--port is ${JSON.stringify(text)}, expected a whole number from 0 to 65535.`)
}

/** Resolves at the first SIGINT or SIGTERM. The second one is the last word of whoever is impatient. */
export function untilStopped(onSecond: () => void): Promise<void> {
  return new Promise((resolve) => {
    let isStopping = false
    const stop = (): void => {
      if (isStopping) onSecond()
      isStopping = true
      resolve()
    }
    process.on('SIGINT', stop)
    process.on('SIGTERM', stop)
  })
}

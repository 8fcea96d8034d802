// millrace start: the system in several processes: workers that answer on one port, a pipeline beside them, and a supervisor that keeps them running.
import { fork } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { defineCommand } from 'citty'
import type { ProcessName } from '../app/process-messages.ts'
import { type Supervisor, supervise } from '../app/supervise.ts'
import { systemClock } from '../lib/clock.ts'
import { environmentVariable } from '../lib/environment.ts'
import { MillraceError } from '../lib/errors.ts'
import { jsonLogger } from '../lib/logger.ts'
import { appArguments } from './app-arguments.ts'
import { portNumber, serverArguments, untilStopped } from './server-arguments.ts'

/** Tells a process which one it is. */
const NAME_VARIABLE = 'MILLRACE_PROCESS'
const WORKERS_MAX = 512
const DRAIN_SECONDS_MAX = 300
const roles = ['all', 'serve', 'pipeline']
/** Longer than the supervisor's, so that whoever was accepted last is still answered. */
const DRAIN_BEYOND_MS = 400

export default defineCommand({
  meta: {
    name: 'start',
    description: 'Run the system in several processes: workers, a pipeline, and who keeps them running',
  },
  args: {
    ...appArguments,
    workers: { type: 'string', description: 'Processes that answer (default: one for each processor)' },
    role: {
      type: 'string',
      description: 'all; serve: only workers; pipeline: only what keeps the data up to date',
      default: 'all',
    },
    ...serverArguments,
    drain: {
      type: 'string',
      description: 'Seconds for which a stopping system still takes requests, though not ready',
      default: '1',
    },
  },
  async run({ args }) {
    const port = portNumber(args.port)
    const workerCount = workerNumber(args.workers)
    const drainMs = drainTime(args.drain)
    const role = roleOf(args.role)
    const name = environmentVariable(NAME_VARIABLE) as ProcessName | undefined
    const logger = jsonLogger({
      clock: systemClock,
      write: (line) => process.stderr.write(name === undefined ? line : line.replace('{', `{"process":"${name}",`)),
    })
    if (name !== undefined) {
      // The supervisor stays small: it loads neither the server nor a store.
      const { runSupervised } = await import('../app/supervised-process.ts')
      const { openApp } = await import('../app.ts')
      process.exit(
        await runSupervised({
          name,
          logger,
          openApp: () => openApp({ systemFile: args.system, dataDir: args.data }),
          server: {
            host: args.host,
            requireKey: args.requireKey,
            limits: { drainMs: drainMs + DRAIN_BEYOND_MS },
            ...(args.allowOrigin ? { allowedOrigins: args.allowOrigin.split(',') } : {}),
          },
        }),
      )
    }
    // Before anything is started: a signal that nobody listens to ends the process.
    let supervisor: Supervisor | undefined
    const stopped = untilStopped(() => {
      supervisor?.kill()
      process.exit(130)
    })
    process.on('SIGHUP', () => {
      if (supervisor === undefined) logger.info('everything is new already: it is being started')
      else void supervisor.restartAll()
    })
    const starting = supervise({
      workerCount: role === 'pipeline' ? 0 : workerCount,
      hasPipeline: role !== 'serve',
      host: args.host,
      port,
      drainMs,
      start: (started) =>
        fork(process.argv[1]!, process.argv.slice(2), { env: { ...process.env, [NAME_VARIABLE]: started } }),
      logger,
    })
    supervisor = await Promise.race([starting, stopped.then(() => undefined)])
    // What has been started ends by itself: nobody has anything to do for it any more.
    if (supervisor === undefined) process.exit(0)
    const megabytes = Math.round(supervisor.residentBytes() / 2 ** 20)
    if (supervisor.url === undefined) console.log(`the pipeline runs, ${megabytes} MB`)
    else console.log(`${workerCount} workers answer on ${supervisor.url}, ${megabytes} MB in all processes`)
    console.log('new processes, one after the other: SIGHUP   stop: Ctrl+C')
    await stopped
    if (!(await supervisor.stop())) {
      throw new MillraceError('PROCESS_FAILED', 'Not every process ended in time; those that did not were killed.')
    }
  },
})

function workerNumber(text: string | undefined): number {
  if (text === undefined) return availableParallelism()
  const count = Number(text)
  if (Number.isInteger(count) && count >= 1 && count <= WORKERS_MAX) return count
  throw new MillraceError(
    'CLI_USAGE',
    `--workers is ${JSON.stringify(text)}, expected a whole number from 1 to ${WORKERS_MAX}.`,
    { fix: 'For a process that only keeps the data up to date, use "--role pipeline".' },
  )
}

function drainTime(text: string): number {
  const seconds = text.trim() === '' ? Number.NaN : Number(text)
  if (seconds >= 0 && seconds <= DRAIN_SECONDS_MAX) return seconds * 1000
  throw new MillraceError(
    'CLI_USAGE',
    `--drain is ${JSON.stringify(text)}, expected seconds from 0 to ${DRAIN_SECONDS_MAX}.`,
  )
}

function roleOf(text: string): string {
  if (roles.includes(text)) return text
  throw new MillraceError('CLI_USAGE', `--role is ${JSON.stringify(text)}, expected ${roles.join(', ')}.`)
}

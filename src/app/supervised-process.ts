// A process that a supervisor has started: a worker, which answers on the connections it is handed, or the pipeline.
import type { Socket } from 'node:net'
import type { App } from '../app.ts'
import { isLoopback } from '../http/authorization.ts'
import type { ProcessGroup, ProcessMetrics } from '../http/dependencies.ts'
import { pipelineMetrics } from '../http/metrics.ts'
import { refuseWithoutKeys, type ServerOptions } from '../http/server.ts'
import { MillraceError } from '../lib/errors.ts'
import type { Logger } from '../lib/logger.ts'
import { repeat } from '../lib/repeat.ts'
import { systemTimers } from '../lib/timers.ts'
import { operationsOf } from './operations.ts'
import type { FromProcess, ProcessName, ToProcess } from './process-messages.ts'
import { openPipeline } from './run-pipeline.ts'
import { serve } from './serve.ts'

export interface SupervisedOptions {
  readonly name: ProcessName
  readonly openApp: () => Promise<App>
  readonly logger: Logger
  /** Of the shop's address, on which the supervisor listens. */
  readonly server: ServerOptions & { readonly host: string }
}

/** What a started part can be told. */
interface Part {
  take(connection: Socket): void
  openCount(): number
  metrics(): Promise<string>
  close(): Promise<void>
}

/** How often it says that its thread is not stuck. */
const ALIVE_EVERY_MS = 1_000
/** How long the metrics of the others are waited for; the supervisor itself waits for one second. */
const OTHERS_MS_MAX = 2_000

/** Runs until it is told to stop, or the supervisor is gone. @returns the exit code */
export async function runSupervised(options: SupervisedOptions): Promise<number> {
  const { name, logger } = options
  const channel = new Channel()
  // Ctrl+C reaches every process of a terminal; what it means is the supervisor's to say.
  process.on('SIGINT', () => {})
  process.on('SIGHUP', () => {})
  let app: App | undefined
  let part: Part
  try {
    app = await options.openApp()
    part = name === 'pipeline' ? await startPipeline(app, logger) : await startWorker(app, options, channel)
  } catch (error) {
    await app?.close()
    return channel.fail(error)
  }
  channel.onConnection = (connection) => {
    // One that broke on its way arrives without itself.
    if (connection) part.take(connection)
    channel.send({ kind: 'taken', openCount: part.openCount() })
  }
  channel.onMetrics = (question) => {
    void part
      .metrics()
      .then((text) => channel.send({ kind: 'metrics', question, text }))
      // Whoever asks waits for a second, and goes on without.
      .catch((error: unknown) => logger.warn('metrics cannot be told', { error }))
  }
  const residentBytes = () => process.memoryUsage.rss()
  const stopTelling = repeat(ALIVE_EVERY_MS, async () =>
    channel.send({ kind: 'alive', openCount: part.openCount(), residentBytes: residentBytes() }),
  )
  channel.send({ kind: 'ready', residentBytes: residentBytes() })
  await channel.untilStopped()
  await part.close()
  await stopTelling()
  await app.close()
  return 0
}

async function startWorker(app: App, { name, logger, server }: SupervisedOptions, channel: Channel): Promise<Part> {
  const { host, requireKey = false } = server
  refuseWithoutKeys(host, app.keys)
  const group: ProcessGroup = { name, others: () => channel.askOthers() }
  // Its own port is for whoever looks at this one worker.
  const own = { host: '127.0.0.1', port: 0, requireKey: requireKey || !isLoopback(host) }
  const running = await serve(app, { ...server, ...own, logger, group, isPipelineElsewhere: true, isWarmedUp: true })
  return {
    take: running.take,
    openCount: running.takenCount,
    metrics: running.ownMetrics,
    close: running.close,
  }
}

async function startPipeline(app: App, logger: Logger): Promise<Part> {
  const pipeline = await openPipeline(app, { logger, isElsewhere: false })
  await pipeline.start()
  const { features, sources } = pipeline
  const liveModel = { champion: undefined, manifest: undefined, problem: undefined }
  const metrics = pipelineMetrics(operationsOf(app, { features, impressions: undefined, liveModel, sources, logger }))
  return {
    take: (connection) => connection.destroy(),
    openCount: () => 0,
    metrics,
    close: async () => {
      await pipeline.endRuns()
      await pipeline.endWork()
      await pipeline.end()
    },
  }
}

class Channel {
  onConnection: (connection: Socket | undefined) => void = (connection) => void connection?.destroy()
  onMetrics: (question: number) => void = () => {}
  readonly #stopped: Promise<void>
  readonly #questions = new Map<number, (metrics: readonly ProcessMetrics[]) => void>()
  #questionCount = 0

  constructor() {
    this.#stopped = new Promise((resolve) => {
      process.once('disconnect', resolve)
      process.once('SIGTERM', () => {
        this.send({ kind: 'leaving' })
        resolve()
      })
      process.on('message', (message: ToProcess, connection?: Socket) => {
        if (message.kind === 'stop') resolve()
        else this.#hear(message, connection)
      })
    })
  }

  /** To a supervisor that is gone, nothing need be said. */
  send(message: FromProcess): void {
    if (process.connected) process.send!(message, undefined, undefined, () => {})
  }

  untilStopped(): Promise<void> {
    return this.#stopped
  }

  askOthers(): Promise<readonly ProcessMetrics[]> {
    const question = this.#questionCount++
    return new Promise((resolve) => {
      const answer = (metrics: readonly ProcessMetrics[]): void => {
        forget()
        this.#questions.delete(question)
        resolve(metrics)
      }
      const forget = systemTimers.after(OTHERS_MS_MAX, () => answer([]))
      this.#questions.set(question, answer)
      this.send({ kind: 'askOthers', question })
    })
  }

  /** Tells why it cannot start. @returns the exit code */
  async fail(error: unknown): Promise<number> {
    const isKnown = error instanceof MillraceError
    const problems = isKnown ? error.problems.map(({ where, message }) => `${where}: ${message}`) : []
    const text = error instanceof Error ? error.message : String(error)
    const message: FromProcess = {
      kind: 'failed',
      code: isKnown ? error.code : undefined,
      message: [text, ...problems].join(' '),
      fix: isKnown ? error.fix : undefined,
    }
    await new Promise<void>((resolve) => {
      if (process.connected) process.send!(message, undefined, undefined, () => resolve())
      else resolve()
    })
    return isKnown ? error.exitCode : 70
  }

  #hear(message: ToProcess, connection: Socket | undefined): void {
    if (message.kind === 'connection') this.onConnection(connection)
    else if (message.kind === 'tellMetrics') this.onMetrics(message.question)
    else if (message.kind === 'others') this.#questions.get(message.question)?.(message.metrics)
  }
}

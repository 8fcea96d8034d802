// millrace start: keeps workers and a pipeline running. It accepts connections and hands them over, and reads no request.
import type { ChildProcess } from 'node:child_process'
import { createServer, type Server } from 'node:net'
import type { ProcessMetrics } from '../http/dependencies.ts'
import { BACKLOG, listenFailure } from '../http/listening.ts'
import { supervisorMetrics } from '../http/supervisor-metrics.ts'
import { MillraceError } from '../lib/errors.ts'
import type { Logger } from '../lib/logger.ts'
import { repeat } from '../lib/repeat.ts'
import { systemTimers } from '../lib/timers.ts'
import { pause, settlesWithin } from '../lib/within.ts'
import { ConnectionQueue } from './connection-queue.ts'
import type { ProcessName } from './process-messages.ts'
import { failuresInARow, restartDelayMs } from './restart-delay.ts'
import { SupervisedChild } from './supervised-child.ts'

export interface SuperviseOptions {
  /** 0 where only the pipeline is wanted; then nothing is listened on. */
  readonly workerCount: number
  readonly hasPipeline: boolean
  readonly host: string
  readonly port: number
  /** For how long a process that is told to stop still takes what comes. */
  readonly drainMs: number
  /** Starts a process that runs `runSupervised` under this name, with a channel to here. */
  readonly start: (name: ProcessName) => ChildProcess
  readonly logger: Logger
}

export interface Supervisor {
  /** Undefined where there are no workers. */
  readonly url: string | undefined
  readonly residentBytes: () => number
  /** Every process anew, one after the other, each worker replaced only when the new one is ready. Where a new one cannot start, the old ones stay. */
  restartAll(): Promise<void>
  /** Resolves with whether every process ended by itself in time. */
  stop(): Promise<boolean>
  /** At once. */
  kill(): void
}

/** A process that ends before it is ready and says nothing is tried so often at the start. */
const START_ATTEMPTS = 3
/** A thread that has said nothing for so long is stuck. */
const SILENT_MS_MAX = 30_000
const LOOK_EVERY_MS = 1_000
/** How long a scrape waits for the other processes. */
const METRICS_MS_MAX = 1_000
/** Between the last connection that is accepted and the end of its worker's draining. */
const LAST_CONNECTION_MS = 200
/** How long a stopping process may take beyond its draining: running requests 10 s, impressions 5 s, a step of a table, some more. */
const STOP_MS_MAX = 25_000

/**
 * Starts every process, and resolves when each is ready and the port is open.
 * @throws MillraceError PORT_IN_USE, ADDRESS_UNUSABLE; PROCESS_FAILED or whatever keeps a process from starting
 */
export async function supervise(options: SuperviseOptions): Promise<Supervisor> {
  const running = new Running(options)
  try {
    await running.start()
  } catch (error) {
    running.kill()
    throw error
  }
  return running
}

/** A process by its name, whichever of its lives. */
interface Slot {
  readonly name: ProcessName
  current: SupervisedChild | undefined
  restartCount: number
  failureCount: number
  /** When the current one became ready, by `performance.now`; undefined where it has not. */
  readyAtMs: number | undefined
  /** Whether a new one is being started beside it. */
  isReplaced: boolean
}

class Running implements Supervisor {
  readonly #options: SuperviseOptions
  readonly #queue = new ConnectionQueue(systemTimers)
  readonly #slots: readonly Slot[]
  readonly #children = new Set<SupervisedChild>()
  #server: Server | undefined
  #restarting: Promise<void> = Promise.resolve()
  #isStopping = false
  #stopLooking: (() => Promise<void>) | undefined
  url: string | undefined

  constructor(options: SuperviseOptions) {
    this.#options = options
    const { workerCount, hasPipeline } = options
    const workers = Array.from({ length: workerCount }, (_, n): ProcessName => `worker-${n + 1}`)
    const names: readonly ProcessName[] = hasPipeline ? ['pipeline', ...workers] : workers
    this.#slots = names.map((name) => ({
      name,
      current: undefined,
      restartCount: 0,
      failureCount: 0,
      readyAtMs: undefined,
      isReplaced: false,
    }))
  }

  async start(): Promise<void> {
    const { workerCount, host, port, logger } = this.#options
    const isListening = workerCount > 0
    // Whether the port is free is known before anything is started; it opens when there is somebody to answer.
    if (isListening) {
      await this.#listen(host, port)
      await closed(this.#server!)
    }
    await Promise.all(this.#slots.map((slot) => this.#startFirst(slot)))
    if (isListening) {
      // Where any port will do, not the one of before: a worker may have been given that for itself.
      const address = await this.#listen(host, port)
      this.url = `http://${address.family === 'IPv6' ? `[${host}]` : host}:${address.port}`
      logger.info('listening', { url: this.url, workerCount })
    }
    this.#stopLooking = repeat(LOOK_EVERY_MS, async () => this.#endTheStuck())
  }

  residentBytes(): number {
    return [...this.#children].reduce((sum, child) => sum + child.residentBytes, process.memoryUsage.rss())
  }

  restartAll(): Promise<void> {
    this.#restarting = this.#restarting.then(() => this.#restartAll())
    return this.#restarting
  }

  async stop(): Promise<boolean> {
    const { drainMs, logger } = this.#options
    this.#isStopping = true
    await this.#stopLooking?.()
    logger.info('stopping', { drainMs })
    const isWorker = ({ name }: SupervisedChild) => name !== 'pipeline'
    const workers = [...this.#children].filter(isWorker)
    for (const child of workers) child.stop()
    await Promise.race([pause(drainMs), Promise.all(workers.map(({ gone }) => gone))])
    this.#server?.close()
    const stopMs = LAST_CONNECTION_MS + STOP_MS_MAX
    const haveWorkersEnded = await settlesWithin(Promise.all(workers.map(({ gone }) => gone)), stopMs)
    this.#queue.close()
    // Last, so that what the workers have written down on their way out is in its tables.
    const others = [...this.#children]
    for (const child of others) child.stop()
    const haveOthersEnded = await settlesWithin(Promise.all(others.map(({ gone }) => gone)), STOP_MS_MAX)
    if (!haveWorkersEnded || !haveOthersEnded) {
      logger.error('processes that did not end in time are killed', {
        names: [...this.#children].map(({ name }) => name),
      })
      this.kill()
    }
    logger.info('stopped')
    return haveWorkersEnded && haveOthersEnded
  }

  kill(): void {
    this.#isStopping = true
    this.#server?.close()
    this.#queue.close()
    for (const child of this.#children) child.kill()
  }

  /** Whoever cannot start at all has no business in retrying for ever. */
  async #startFirst(slot: Slot): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      const child = this.#startChild(slot.name)
      if (await child.ready) return this.#putIn(slot, child)
      const how = await child.gone
      if (this.#isStopping) return
      if (child.failure) throw child.failure
      this.#options.logger.error('a process ended before it was ready', { name: slot.name, how, attempt })
      if (attempt < START_ATTEMPTS) continue
      throw new MillraceError(
        'PROCESS_FAILED',
        `${slot.name} ended ${attempt} times before it was ready, last by ${how}.`,
        {
          fix: 'What it wrote before is above. "millrace dev" does the same in one process; a machine without memory kills with SIGKILL.',
        },
      )
    }
  }

  #startChild(name: ProcessName): SupervisedChild {
    const { start, logger } = this.#options
    const child: SupervisedChild = new SupervisedChild(name, start(name), {
      taken: () => this.#queue.taken(child),
      leaving: () => this.#queue.leave(child),
      askOthers: (question) => void this.#tellOthers(child, question),
    })
    this.#children.add(child)
    logger.info('process started', { name, pid: child.pid })
    void child.gone.then(() => this.#children.delete(child))
    return child
  }

  /** From now on it is the one of this name. */
  #putIn(slot: Slot, child: SupervisedChild): void {
    const residentMb = Math.round(child.residentBytes / 2 ** 20)
    this.#options.logger.info('process ready', { name: slot.name, pid: child.pid, residentMb })
    slot.current = child
    slot.readyAtMs = performance.now()
    if (slot.name !== 'pipeline') this.#queue.join(child)
    void child.gone.then((how) => {
      this.#queue.lose(child)
      if (slot.current !== child) return
      slot.current = undefined
      if (!this.#isStopping && !slot.isReplaced) void this.#startAgain(slot, { how, pid: child.pid })
    })
  }

  /** Until it works: a shop with one worker less is better than none. */
  async #startAgain(slot: Slot, ended: { readonly how: string; readonly pid: number | undefined }): Promise<void> {
    const { logger } = this.#options
    let { how, pid } = ended
    for (;;) {
      const lifeMs = slot.readyAtMs === undefined ? 0 : performance.now() - slot.readyAtMs
      slot.readyAtMs = undefined
      slot.failureCount = failuresInARow(slot.failureCount, lifeMs)
      slot.restartCount++
      const delayMs = restartDelayMs(slot.failureCount)
      const { name, restartCount } = slot
      logger.error('a process ended, and is started again', { name, pid, how, restartCount, delayMs })
      await pause(delayMs)
      if (this.#isStopping || slot.current !== undefined) return
      const child = this.#startChild(name)
      if (await child.ready) return this.#putIn(slot, child)
      how = child.failure?.message ?? (await child.gone)
      pid = child.pid
      await child.gone
      if (this.#isStopping) return
    }
  }

  async #restartAll(): Promise<void> {
    const { logger } = this.#options
    logger.info('every process is replaced, one after the other')
    for (const slot of [...this.#slots].sort((a, b) => Number(a.name === 'pipeline') - Number(b.name === 'pipeline'))) {
      if (this.#isStopping) return
      if (!(await this.#replace(slot))) {
        logger.error('the replacement was stopped: a new process cannot start, so the old ones stay', {
          name: slot.name,
        })
        return
      }
    }
    logger.info('every process is replaced')
  }

  /** @returns whether a new one does its work */
  async #replace(slot: Slot): Promise<boolean> {
    const { logger } = this.#options
    slot.isReplaced = true
    const child = this.#startChild(slot.name)
    const isReady = await child.ready
    slot.isReplaced = false
    const old = slot.current
    if (!isReady) {
      const how = child.failure?.message ?? (await child.gone)
      logger.error('a new process could not start', { name: slot.name, how })
      // The old one may have died meanwhile.
      if (old === undefined && !this.#isStopping) void this.#startAgain(slot, { how, pid: child.pid })
      return false
    }
    if (this.#isStopping) return true
    this.#putIn(slot, child)
    if (old === undefined) return true
    this.#queue.leave(old)
    old.stop()
    if (!(await settlesWithin(old.gone, this.#options.drainMs + STOP_MS_MAX))) old.kill()
    await old.gone
    return true
  }

  /** A stuck thread keeps its connections waiting for ever; a dead one lets their owners ask somebody else. */
  #endTheStuck(): void {
    for (const { name, current } of this.#slots) {
      if (current === undefined || current.isStopping) continue
      const silentMs = performance.now() - current.heardAtMs
      if (silentMs < SILENT_MS_MAX) continue
      this.#options.logger.error('a process is stuck and is killed', { name, pid: current.pid, silentMs })
      current.kill()
    }
  }

  async #tellOthers(asking: SupervisedChild, question: number): Promise<void> {
    const others = [...this.#children].filter((child) => child !== asking && child.isReady)
    const asked = others.map((child) => ({ child, ...child.metrics() }))
    const forget = systemTimers.after(METRICS_MS_MAX, () => {
      for (const one of asked) one.forget()
    })
    const answers = await Promise.all(
      asked.map(async ({ child, text }) => ({ process: child.name as string, text: await text })),
    )
    forget()
    const told = answers.flatMap(({ text, ...of }): ProcessMetrics[] => (text === undefined ? [] : [{ ...of, text }]))
    asking.tellOthers(question, [...told, { process: 'supervisor', text: this.#figures() }])
  }

  #figures(): string {
    return supervisorMetrics({
      processes: this.#slots.map(({ name, current, restartCount }) => ({
        name,
        isReady: current?.isReady ?? false,
        restartCount,
        connectionCount: current?.openCount ?? 0,
      })),
      waitingConnectionCount: this.#queue.waitingCount,
      droppedConnectionCount: this.#queue.droppedCount,
    })
  }

  #listen(host: string, port: number): Promise<{ readonly port: number; readonly family: string }> {
    return new Promise((resolve, reject) => {
      const server = createServer({ pauseOnConnect: true, noDelay: true }, (connection) => this.#queue.add(connection))
      this.#server = server
      server.once('error', (error) => reject(listenFailure(error, { host, port })))
      server.listen({ host, port, backlog: BACKLOG }, () =>
        resolve(server.address() as { port: number; family: string }),
      )
    })
  }
}

const closed = (server: Server): Promise<void> => new Promise((resolve) => server.close(() => resolve()))

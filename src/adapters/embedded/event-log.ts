// The embedded event log: reads happen here, on the caller's thread; everything that writes is done by a thread of its own.
import { Worker } from 'node:worker_threads'
import { type Clock, systemClock } from '../../lib/clock.ts'
import { MillraceError } from '../../lib/errors.ts'
import type { AppendResult, EventLog } from '../../ports/event-log.ts'
import { ROOM_BYTES } from './disk-room.ts'
import { EventLogStore, type EventLogStoreSettings } from './event-log-store.ts'
import type { WriterCommand, WriterReply } from './event-log-writer.ts'
import { type EncodedBatch, encodeBatch } from './event-record.ts'

export interface EventLogOptions {
  /** Created where it is missing. Several processes may have it open at once; it must be on a local disk. */
  readonly folder: string
  readonly clock?: Clock
  /** Nothing is appended on a disk on which less than this is free; 32 MiB by default. */
  readonly roomBytes?: number
}

/** How often a waiting reader looks for what other processes appended. Appends of its own process wake it at once. */
const POLL_MS = 5

const noEvents = { nextOffset: 0 }

type CommandBody = WriterCommand extends infer C ? (C extends WriterCommand ? Omit<C, 'id'> : never) : never

/**
 * Opens, or creates, the event log in this folder.
 * @throws MillraceError DATA_FOLDER_NEWER, EVENT_LOG_UNUSABLE
 */
export async function openEventLog(options: EventLogOptions): Promise<EventLog> {
  const { folder, clock = systemClock, roomBytes = ROOM_BYTES } = options
  const store = new EventLogStore({ folder, roomBytes })
  const writer = new Writer({ folder, roomBytes })
  /** Told where the log ends now. */
  const waiters = new Set<(nextOffset: number) => void>()
  let poll: NodeJS.Timeout | undefined
  let isClosed = false

  const assertOpen = (): void => {
    if (isClosed) throw new MillraceError('EVENT_LOG_CLOSED', `The event log in ${folder} was closed.`)
  }
  const wakeWaiters = (): void => {
    if (waiters.size === 0) return
    const { nextOffset } = isClosed ? noEvents : store.bounds()
    for (const wake of [...waiters]) wake(nextOffset)
  }

  const appendNothing = async (): Promise<AppendResult> => {
    assertOpen()
    return { acceptedCount: 0, duplicatePositions: [], nextOffset: store.bounds().nextOffset }
  }
  const appendBatch = async (encoded: EncodedBatch): Promise<AppendResult> => {
    assertOpen()
    const batch = { ...encoded, nowMs: clock.now() }
    const result = await writer.run({ kind: 'append', batch }, [batch.bytes.buffer, batch.lengths.buffer])
    wakeWaiters()
    return result as AppendResult
  }

  return {
    // Not one async function: it would hold the events until the disk has answered, and garbage that lives so long is expensive.
    append: (events) => (events.length === 0 ? appendNothing() : appendBatch(encodeBatch(events))),

    async read(fromOffset, limit) {
      assertOpen()
      return store.read(fromOffset, limit)
    },

    async bounds() {
      assertOpen()
      return store.bounds()
    },

    waitFor(offset, timeoutMs) {
      return new Promise((resolve, reject) => {
        const finish = (isThere: boolean): void => {
          waiters.delete(check)
          clearTimeout(timeout)
          if (waiters.size === 0) {
            clearInterval(poll)
            poll = undefined
          }
          resolve(isThere)
        }
        const check = (nextOffset: number): void => {
          if (isClosed) finish(false)
          else if (nextOffset > offset) finish(true)
        }
        let timeout: NodeJS.Timeout | undefined
        try {
          assertOpen()
          if (store.bounds().nextOffset > offset) {
            resolve(true)
            return
          }
        } catch (error) {
          reject(error)
          return
        }
        timeout = setTimeout(() => finish(false), timeoutMs)
        waiters.add(check)
        poll ??= setInterval(wakeWaiters, POLL_MS)
      })
    },

    async committedOffset(consumer) {
      assertOpen()
      return store.committedOffset(consumer)
    },

    async commitOffset(consumer, offset) {
      assertOpen()
      await writer.run({ kind: 'commitOffset', consumer, offset })
    },

    async trim(retention) {
      assertOpen()
      return { removedCount: (await writer.run({ kind: 'trim', retention, nowMs: clock.now() })) as number }
    },

    async close() {
      if (isClosed) return
      isClosed = true
      wakeWaiters()
      await writer.close()
      await store.close()
    },
  }
}

/** Commands to the writing thread and their answers. The thread starts with the first command: readers never need it. */
class Writer {
  readonly #settings: EventLogStoreSettings
  readonly #pending = new Map<number, { resolve: (result: unknown) => void; reject: (error: Error) => void }>()
  #worker: Worker | undefined
  #nextId = 0

  constructor(settings: EventLogStoreSettings) {
    this.#settings = settings
  }

  run(command: CommandBody, transfer: readonly ArrayBuffer[] = []): Promise<unknown> {
    const worker = (this.#worker ??= this.#start())
    const id = this.#nextId++
    // A process that only has to wait for its own appends must live until they are answered, and no longer.
    if (this.#pending.size === 0) worker.ref()
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve, reject })
      worker.postMessage({ ...command, id }, transfer)
    })
  }

  async close(): Promise<void> {
    const worker = this.#worker
    if (!worker) return
    const ended = new Promise((resolve) => worker.once('exit', resolve))
    await this.run({ kind: 'close' })
    worker.ref()
    await ended
  }

  #start(): Worker {
    const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
    const worker = new Worker(new URL(`./event-log-writer.${extension}`, import.meta.url), {
      workerData: this.#settings,
      // Options of the process, such as the text of `node --eval`, are not for this thread.
      execArgv: [],
      // What passes through here lives for one transaction; without a bound, V8 lets the young generation grow first.
      resourceLimits: { maxYoungGenerationSizeMb: 16 },
    })
    worker.on('message', (reply: WriterReply) => {
      const call = this.#pending.get(reply.id)
      this.#pending.delete(reply.id)
      if (this.#pending.size === 0) worker.unref()
      if (reply.error === undefined) call?.resolve(reply.result)
      else call?.reject(asError(reply.error))
    })
    const fail = (error: Error): void => {
      this.#worker = undefined
      for (const call of this.#pending.values()) call.reject(error)
      this.#pending.clear()
    }
    worker.on('error', fail)
    worker.on('exit', (code) => {
      if (this.#pending.size > 0) fail(new Error(`The thread that writes the event log ended with code ${code}.`))
    })
    return worker
  }
}

function asError({ code, message, fix }: NonNullable<WriterReply['error']>): Error {
  if (code === undefined) return new Error(message)
  return new MillraceError(code, message, fix === undefined ? {} : { fix })
}

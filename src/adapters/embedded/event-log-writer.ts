// The thread that writes the event log. Waiting for other processes and for the disk happens here, so that whoever appends can serve meanwhile.
// Appends that wait together are stored in one transaction: many small batches cost one sync.
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads'
import { MillraceError } from '../../lib/errors.ts'
import type { Retention } from '../../ports/event-log.ts'
import { type AppendRequest, EventLogStore, type EventLogStoreSettings } from './event-log-store.ts'

export type WriterCommand =
  | { readonly id: number; readonly kind: 'append'; readonly batch: AppendRequest }
  | { readonly id: number; readonly kind: 'commitOffset'; readonly consumer: string; readonly offset: number }
  | { readonly id: number; readonly kind: 'trim'; readonly retention: Retention; readonly nowMs: number }
  | { readonly id: number; readonly kind: 'close' }

export interface WriterReply {
  readonly id: number
  readonly result?: unknown
  readonly error?: {
    readonly code?: MillraceError['code']
    readonly message: string
    readonly fix?: string | undefined
  }
}

/** Events in one transaction: bounds how long a write lock is held and how much memory a transaction takes. */
const TRANSACTION_EVENT_COUNT = 32_768

const port = parentPort!
const store = new EventLogStore(workerData as EventLogStoreSettings)

port.on('message', (first: WriterCommand) => {
  const commands = [first]
  for (let next = receiveMessageOnPort(port); next; next = receiveMessageOnPort(port)) commands.push(next.message)
  runAll(commands)
})

/** In the given order; neighbouring appends together. */
function runAll(commands: readonly WriterCommand[]): void {
  let position = 0
  while (position < commands.length) {
    const command = commands[position]!
    if (command.kind !== 'append') {
      answer([command], () => [runOne(command)])
      position++
      continue
    }
    const group = [command]
    let eventCount = eventCountOf(command.batch)
    for (let next = commands[++position]; next?.kind === 'append'; next = commands[++position]) {
      eventCount += eventCountOf(next.batch)
      if (eventCount > TRANSACTION_EVENT_COUNT) break
      group.push(next)
    }
    answer(group, () => store.append(group.map(({ batch }) => batch)))
  }
}

const eventCountOf = (batch: AppendRequest): number => batch.lengths.length / 2

function runOne(command: Exclude<WriterCommand, { kind: 'append' }>): unknown {
  if (command.kind === 'trim') return store.trim(command.retention, command.nowMs)
  if (command.kind === 'commitOffset') return store.commitOffset(command.consumer, command.offset)
  // LMDB's thread-local state goes with the thread; closing answers first, then lets the thread end.
  store.close().then(() => port.close())
  return undefined
}

function answer(commands: readonly WriterCommand[], run: () => readonly unknown[]): void {
  let replies: WriterReply[]
  try {
    const results = run()
    replies = commands.map(({ id }, i) => ({ id, result: results[i] }))
  } catch (error) {
    replies = commands.map(({ id }) => ({ id, error: asPlain(error) }))
  }
  for (const reply of replies) port.postMessage(reply)
}

function asPlain(error: unknown): NonNullable<WriterReply['error']> {
  if (error instanceof MillraceError) return { code: error.code, message: error.message, fix: error.fix }
  return { message: error instanceof Error ? (error.stack ?? error.message) : String(error) }
}

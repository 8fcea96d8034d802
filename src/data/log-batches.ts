import type { EventLog, StoredEvent } from '../ports/event-log.ts'

const READ_BATCH_SIZE = 10_000

/** Everything that is in the log at the call, in order. Events appended meanwhile wait for the next time. */
export async function* logBatches(
  log: EventLog,
  { firstOffset, nextOffset }: { readonly firstOffset: number; readonly nextOffset: number },
): AsyncGenerator<readonly StoredEvent[]> {
  for (let offset = firstOffset; offset < nextOffset; ) {
    const batch = await log.read(offset, Math.min(READ_BATCH_SIZE, nextOffset - offset))
    if (batch.length === 0) return
    yield batch
    offset = batch.at(-1)!.offset + 1
  }
}

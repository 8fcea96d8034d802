// What a source needs, in memory: a state store, a snapshot store, a source that gives what it is told to, and time that a test moves.
import type { StoredSourceState } from '../domain/source-state.ts'
import type { Clock } from '../lib/clock.ts'
import { MillraceError } from '../lib/errors.ts'
import type { Timers } from '../lib/timers.ts'
import type { PulledBatch, RecordSource } from '../ports/record-source.ts'
import type { SnapshotEntry, SnapshotStore } from '../ports/snapshot-store.ts'
import type { SourceStates } from '../ports/source-states.ts'

/** `failWith` makes the next calls fail. */
export function memoryStates(): SourceStates & { failWith: Error | undefined } {
  const states = new Map<string, string>()
  const parsed = (text: string): StoredSourceState => JSON.parse(text)
  return {
    failWith: undefined,
    async load(source) {
      if (this.failWith) throw this.failWith
      const text = states.get(source)
      return text === undefined ? undefined : parsed(text)
    },
    async save(state, generation) {
      if (this.failWith) throw this.failWith
      const text = states.get(state.source)
      if ((text === undefined ? 0 : parsed(text).generation) !== generation) {
        throw new MillraceError('SOURCE_STATE_CHANGED', 'Another one saved in between.')
      }
      states.set(state.source, JSON.stringify({ state, generation: generation + 1 }))
      return generation + 1
    },
    list: async () => [...states.keys()].sort().map((source) => parsed(states.get(source)!)),
    remove: async (source) => void states.delete(source),
  }
}

export function memorySnapshots(): SnapshotStore {
  const bySource = new Map<string, Map<string, SnapshotEntry>>()
  const entriesOf = (source: string): Map<string, SnapshotEntry> => {
    const entries = bySource.get(source) ?? new Map<string, SnapshotEntry>()
    bySource.set(source, entries)
    return entries
  }
  const present = (source: string): SnapshotEntry[] =>
    [...entriesOf(source).values()].filter(({ status }) => status !== 'deleted').sort((a, b) => (a.id < b.id ? -1 : 1))
  return {
    read: async (source, ids) => ids.map((id) => entriesOf(source).get(id)),
    async write(source, entries) {
      for (const entry of entries) entriesOf(source).set(entry.id, entry)
    },
    count: async (source, run) => ({
      presentCount: present(source).length,
      unseenCount: present(source).filter(({ seenIn }) => seenIn !== run).length,
    }),
    unseen: async (source, run, { afterId, limit }) =>
      present(source)
        .filter(({ id, seenIn }) => seenIn !== run && (afterId === undefined || id > afterId))
        .slice(0, limit),
    close: async () => {},
  }
}

/** Gives the batches that `next` returns, given the cursor; an error in their place is thrown. */
export function fakeSource(
  next: (
    cursor: string | undefined,
    signal: AbortSignal,
  ) => Iterable<PulledBatch | Error> | AsyncIterable<PulledBatch | Error>,
  { isSnapshot = false }: { readonly isSnapshot?: boolean } = {},
): RecordSource & { readonly cursors: (string | undefined)[] } {
  const cursors: (string | undefined)[] = []
  return {
    cursors,
    isSnapshot,
    async *pull(cursor, signal) {
      cursors.push(cursor)
      for await (const batch of next(cursor, signal)) {
        if (batch instanceof Error) throw batch
        yield batch
        if (signal.aborted) return
      }
    },
    close: async () => {},
  }
}

export const batchOf = (
  rows: readonly unknown[],
  {
    cursor,
    isLast = false,
    isNotModified = false,
    ...rest
  }: Partial<PulledBatch> & { readonly isLast?: boolean; readonly isNotModified?: boolean } = {},
): PulledBatch => ({
  rows,
  where: (position) => `row ${position + 1}`,
  cursor,
  ...rest,
  ...(isLast && { end: { pageCount: 1, isNotModified, failures: [] } }),
})

/** `moveTo` lets everything happen that is due until then, each at its time. */
export class VirtualTime implements Clock, Timers {
  #nowMs: number
  readonly #due = new Map<number, { readonly atMs: number; readonly callback: () => void }>()
  #timerCount = 0

  constructor(nowMs: number) {
    this.#nowMs = nowMs
  }

  now(): number {
    return this.#nowMs
  }

  after(delayMs: number, callback: () => void): () => void {
    const id = this.#timerCount++
    this.#due.set(id, { atMs: this.#nowMs + Math.max(0, delayMs), callback })
    return () => void this.#due.delete(id)
  }

  async moveTo(endMs: number): Promise<void> {
    for (;;) {
      await settled()
      const [id, timer] = [...this.#due].sort(([a, x], [b, y]) => x.atMs - y.atMs || a - b)[0] ?? []
      if (id === undefined || timer!.atMs > endMs) break
      this.#due.delete(id)
      this.#nowMs = Math.max(this.#nowMs, timer!.atMs)
      timer!.callback()
    }
    this.#nowMs = endMs
  }
}

/** Lets whatever needs no time go on until it waits for something. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve))
}

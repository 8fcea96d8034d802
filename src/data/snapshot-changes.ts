// What a snapshot of a source changes: rows the log was not told of yet, and entities that are gone. A row's own time is not enough for that, as many
// sources have none; so what was told is remembered row by row, also while it is being told: a crash in between leaves no doubt unnoticed.
import { hash } from 'node:crypto'
import { MillraceError } from '../lib/errors.ts'
import type { SnapshotEntry, SnapshotStore } from '../ports/snapshot-store.ts'

/** A row of a snapshot, ready to be judged. */
export interface SnapshotRow {
  /** Undefined where the row has no usable id: it is told, to be rejected, and not remembered. */
  readonly id: string | undefined
  readonly fingerprint: string
}

/** Why a row is told. `again`: it was deleted in between, so it needs a time after that. */
export type RowChange = 'unchanged' | 'changed' | 'again'

/** Pure: what has to be done with a row, by what is remembered of it. */
export function changeOf(entry: SnapshotEntry | undefined, fingerprint: string): RowChange {
  if (!entry) return 'changed'
  if (entry.status === 'deleting' || entry.status === 'deleted') return 'again'
  return entry.status === 'told' && entry.fingerprint === fingerprint ? 'unchanged' : 'changed'
}

/**
 * @param definitionHash of how rows are judged: where it changes, every row is told again
 * @returns 128 bits of SHA-256; two states of one row share it with a probability of 2^-128
 */
export function fingerprintOf(row: unknown, definitionHash: string): string {
  const text = JSON.stringify(row, (_, value: unknown) => (typeof value === 'bigint' ? `${value}n` : value))
  return hash('sha256', `${definitionHash} ${text}`, 'base64url').slice(0, 22)
}

/** An id as text, as `rowId` takes it; undefined for what it rejects. */
export function snapshotId(found: unknown): string | undefined {
  const isId = typeof found === 'string' || typeof found === 'bigint' || Number.isSafeInteger(found)
  const id = isId ? String(found) : ''
  return id === '' || !id.isWellFormed() || Buffer.byteLength(id) > 256 ? undefined : id
}

export interface SnapshotRun {
  readonly source: string
  /** Greater than that of any earlier run. */
  readonly run: number
}

/** Tells the changed rows of one batch through `tell`, which gets their positions. @returns how many were unchanged */
export async function tellChanges(
  store: SnapshotStore,
  { source, run }: SnapshotRun,
  rows: readonly SnapshotRow[],
  tell: (changes: ReadonlyMap<number, RowChange>) => Promise<void>,
): Promise<number> {
  const newest = newestById(rows)
  const known = await store.read(source, [...newest.keys()])
  const changes = new Map<number, RowChange>()
  const before: SnapshotEntry[] = []
  const after: SnapshotEntry[] = []
  let at = 0
  for (const [id, position] of newest) {
    const { fingerprint } = rows[position]!
    const change = changeOf(known[at++], fingerprint)
    const told = { id, fingerprint, status: 'told', seenIn: run } as const
    if (change === 'unchanged') before.push(told)
    else {
      changes.set(position, change)
      // A row that comes back keeps "deleting" while in doubt: only that says that it needs a later time.
      before.push({ ...told, status: change === 'again' ? 'deleting' : 'telling' })
      after.push(told)
    }
  }
  rows.forEach(({ id }, position) => {
    if (id === undefined) changes.set(position, 'changed')
  })
  await store.write(source, before)
  if (changes.size > 0) await tell(changes)
  await store.write(source, after)
  return rows.length - changes.size
}

/** Of rows with one id the last one says what holds. */
function newestById(rows: readonly SnapshotRow[]): Map<string, number> {
  const newest = new Map<string, number>()
  rows.forEach(({ id }, position) => {
    if (id !== undefined) newest.set(id, position)
  })
  return newest
}

export interface DeletionPolicy {
  /** In [0, 1]: a snapshot that lacks more of the entities known before than this deletes none. */
  readonly deletedShareMax: number
}

const BATCH_ID_COUNT = 1000

/**
 * To be called behind a complete snapshot, and never else. Deletes, through `tell`, what it did not have.
 * @returns how many
 * @throws MillraceError SOURCE_DELETES_HELD before anything is deleted
 */
export async function tellDeletions(
  store: SnapshotStore,
  { source, run }: SnapshotRun,
  { deletedShareMax }: DeletionPolicy,
  tell: (ids: readonly string[]) => Promise<void>,
): Promise<number> {
  const { presentCount, unseenCount } = await store.count(source, run)
  if (unseenCount > presentCount * deletedShareMax) throw held(source, { presentCount, unseenCount, deletedShareMax })
  let afterId: string | undefined
  for (let deletedCount = 0; ; ) {
    const gone = await store.unseen(source, run, { afterId, limit: BATCH_ID_COUNT })
    if (gone.length === 0) return deletedCount
    await store.write(
      source,
      gone.map((entry) => ({ ...entry, status: 'deleting' })),
    )
    await tell(gone.map(({ id }) => id))
    await store.write(
      source,
      gone.map((entry) => ({ ...entry, status: 'deleted' })),
    )
    deletedCount += gone.length
    afterId = gone.at(-1)!.id
  }
}

function held(
  source: string,
  {
    presentCount,
    unseenCount,
    deletedShareMax,
  }: { presentCount: number; unseenCount: number; deletedShareMax: number },
): MillraceError {
  return new MillraceError(
    'SOURCE_DELETES_HELD',
    `${source}: the snapshot lacks ${unseenCount} of ${presentCount} known entities (${percent(unseenCount / presentCount)}), ` +
      `expected at most ${percent(deletedShareMax)}. Nothing was deleted; new and changed rows were taken.`,
    {
      fix: 'Check that the source gives everything. If they are really gone, run the source once with deletions allowed, or raise deletesUpTo.',
    },
  )
}

const percent = (share: number): string => `${Math.round(share * 1000) / 10} %`

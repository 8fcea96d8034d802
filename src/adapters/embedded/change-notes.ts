// Which records the last commits changed, written with them, so that whoever keeps records at hand, in whatever process, learns which of them hold no more.
import type { Database } from 'lmdb'
import { ByteReader, ByteWriter } from '../../lib/bytes.ts'
import type { ChangedRecords, SpaceChange } from '../../ports/online-store.ts'

/** Notes that are kept; the next one takes the place of the oldest. Whoever is further behind knows nothing any more. */
const NOTE_COUNT = 256
/** Of a commit with more keys it is noted that anything may have changed: it is one of an engine that catches up. */
const NOTED_KEY_COUNT_MAX = 2000

const writer = new ByteWriter(1024)

/** How far the notes go, and of which writer: one by an older Millrace writes none. Equal marks: nothing has changed in between. */
export interface ChangeMark {
  readonly number: number
  readonly claimNumber: number
}

const LATEST = 'latest'
/** A note on anything. */
const ANYTHING = 1

export class ChangeNotes {
  readonly #database: Database<Buffer, string>
  /** Spaces and keys of the transaction so far; undefined where anything may have changed. */
  #changed: ChangedRecords[] | undefined = []
  #keyCount = 0

  constructor(database: Database<Buffer, string>) {
    this.#database = database
  }

  /** Begins a transaction. */
  begin(): void {
    this.#changed = []
    this.#keyCount = 0
  }

  add({ space, puts, removes }: SpaceChange): void {
    if (this.#takes(puts.length + removes.length)) {
      this.#changed!.push({ space, keys: [...puts.map(({ key }) => key), ...removes] })
    }
  }

  /** @param recordKey space, "/" and key, as the store has them */
  addRecord(recordKey: Uint8Array): void {
    if (!this.#takes(1)) return
    const text = Buffer.from(recordKey).toString()
    const slashAt = text.indexOf('/')
    this.#changed!.push({ space: text.slice(0, slashAt), keys: [text.slice(slashAt + 1)] })
  }

  addAnything(): void {
    this.#changed = undefined
  }

  /** Within the transaction that it is about. */
  write(claimNumber: number): void {
    const number = (this.mark()?.number ?? 0) + 1
    writer.reset()
    writer.whole(number)
    writer.byte(this.#changed === undefined ? ANYTHING : 0)
    for (const { space, keys } of this.#changed ?? []) {
      writer.text(space)
      writer.whole(keys.length)
      for (const key of keys) writer.text(key)
    }
    this.#database.putSync(slotOf(number), Buffer.from(writer.copy()))
    writer.reset()
    writer.whole(number)
    writer.whole(claimNumber)
    this.#database.putSync(LATEST, Buffer.from(writer.copy()))
  }

  /** Undefined where nothing has been written yet. */
  mark(): ChangeMark | undefined {
    const bytes = this.#database.getBinaryFast(LATEST)
    if (bytes === undefined) return undefined
    const reader = new ByteReader(bytes)
    return { number: reader.whole(), claimNumber: reader.whole() }
  }

  /**
   * What the commits after one and up to another changed; undefined where that may be anything.
   * @param since as `mark` gave it before
   */
  between(since: ChangeMark, until: ChangeMark): readonly ChangedRecords[] | undefined {
    if (until.number - since.number > NOTE_COUNT || until.number < since.number) return undefined
    const changed: ChangedRecords[] = []
    for (let number = since.number + 1; number <= until.number; number++) {
      const bytes = this.#database.getBinaryFast(slotOf(number))
      if (bytes === undefined || !readNote(bytes, number, changed)) return undefined
    }
    return changed
  }

  #takes(count: number): boolean {
    this.#keyCount += count
    if (this.#keyCount > NOTED_KEY_COUNT_MAX) this.#changed = undefined
    return this.#changed !== undefined
  }
}

const slotOf = (number: number): string => `note ${number % NOTE_COUNT}`

/** False where it is another one, or on anything. */
function readNote(bytes: Buffer, number: number, changed: ChangedRecords[]): boolean {
  const reader = new ByteReader(bytes)
  if (reader.whole() !== number || reader.byte() === ANYTHING) return false
  while (reader.at < bytes.length) {
    const space = reader.text()
    const keys: string[] = []
    for (let rest = reader.whole(); rest > 0; rest--) keys.push(reader.text())
    changed.push({ space, keys })
  }
  return true
}

// How far an incremental pull has come, and from where the next one has to read so that no row is lost. Pure.
//
// The trap: transactions commit in another order than they take their numbers or times. A row with value 5 can become visible after one with 6 was
// read; who goes on behind 6 never sees it. So a pull first looks at the newest value C, then at the transactions that run, and only then opens the
// snapshot it reads. A row with a value of at most C that this snapshot lacks belongs to a transaction that began before C was looked at and still
// runs: to one of those seen. Once none of them runs any more when a snapshot is opened, everything up to C is in it, and C is a safe mark. Until
// then the mark stays, and rows behind it are read again; the log drops them. Holds for values that a transaction takes while it runs (`now()`,
// `nextval`), and on the primary server, where the running transactions can be seen. For clocks of other machines and for replicas the overlap is read
// again as well.

/** What a cursor of this source says, as JSON. */
export interface Position {
  /** Everything at or below it is known; undefined before the first safe mark. */
  readonly mark?: string
  /** A newest value that becomes the mark once none of these transactions runs any more. */
  readonly held?: Held
  /** A pull that was not finished: the last value that is durable, and the mark from which the pull after it will read. */
  readonly unfinished?: { readonly at: string }
}

export interface Held {
  readonly newest: string
  readonly running: readonly string[]
}

/** What was seen just before the snapshot was opened. */
export interface Sight {
  /** The newest value there was; undefined where there was none. */
  readonly newest: string | undefined
  /** Ids of transactions that ran after `newest` was looked at, and may have ended by now. */
  readonly running: readonly string[]
  /** Of `running` and of those held, the ones that ran when the snapshot was about to be opened. */
  readonly stillRunning: readonly string[]
}

/** For a pull that is resumed: it looks at nothing anew. */
export const nothingSeen: Sight = { newest: undefined, running: [], stillRunning: [] }

export interface Start {
  /** Rows from this value on are read, and those without a value; undefined: all. */
  readonly from: string | undefined
  /** Whether the overlap is subtracted from `from`. Not where a pull is resumed: it did so when it began. */
  readonly withOverlap: boolean
  /** What is to be remembered when the pull has ended. */
  readonly atEnd: Position
}

export function startOf(position: Position, sight: Sight): Start {
  // A resumed pull keeps what its first snapshot made safe: the later one sees more, not less.
  const { unfinished, ...remembered } = position
  if (unfinished) return { from: unfinished.at, withOverlap: false, atEnd: remembered }
  return { from: position.mark, withOverlap: true, atEnd: nextMark(position, sight) }
}

function nextMark({ mark, held }: Position, { newest, running, stillRunning }: Sight): Position {
  const isRunning = (id: string): boolean => stillRunning.includes(id)
  const seen = newest === undefined ? undefined : { newest, running }
  if (seen && !running.some(isRunning)) return { mark: seen.newest }
  if (held && !held.running.some(isRunning)) return { mark: held.newest, ...(seen && { held: seen }) }
  // The older one is kept: its transactions end first.
  const kept = held ?? seen
  return { ...(mark !== undefined && { mark }), ...(kept && { held: kept }) }
}

/** While the pull goes on: what a pull that begins after a crash is given. */
export const unfinishedAt = (start: Start, at: string | undefined): Position =>
  at === undefined ? start.atEnd : { ...start.atEnd, unfinished: { at } }

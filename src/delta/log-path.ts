// How the objects of a log are named: "Delta Transaction Log Protocol", sections "Delta Entries" and "Checkpoints".

export const LOG_FOLDER = '_delta_log/'
export const LAST_CHECKPOINT_PATH = `${LOG_FOLDER}_last_checkpoint`

const digits = (version: number): string => String(version).padStart(20, '0')

export const commitPath = (version: number): string => `${LOG_FOLDER}${digits(version)}.json`

export const checkpointPath = (version: number): string => `${LOG_FOLDER}${digits(version)}.checkpoint.parquet`

/** Smaller than the path of every object of this version or a later one, and greater than those of earlier ones. */
export const pathBefore = (version: number): string => `${LOG_FOLDER}${digits(version)}`

/** What a path in the log folder stands for. Of a checkpoint in several parts each is an object of its own. */
export type LogObject =
  | { readonly kind: 'commit'; readonly version: number }
  | { readonly kind: 'checkpoint'; readonly version: number; readonly part: number; readonly partCount: number }

/** Undefined for whatever else lies there: checksums, compacted logs, checkpoints of the second format. */
export function parseLogPath(path: string): LogObject | undefined {
  const name = path.slice(LOG_FOLDER.length)
  const found = /^(\d{20})\.(?:(json)|checkpoint(?:\.(\d{10})\.(\d{10}))?\.parquet)$/.exec(name)
  if (!found) return undefined
  const version = Number(found[1])
  if (found[2]) return { kind: 'commit', version }
  return { kind: 'checkpoint', version, part: Number(found[3] ?? 1), partCount: Number(found[4] ?? 1) }
}
